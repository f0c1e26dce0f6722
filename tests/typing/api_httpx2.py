"""
Tests the types of `meshlib.httpx2`; checked by mypy, never run.

They are those of httpx2 where `meshlib` has those of httpx.
"""

from __future__ import annotations

from typing import assert_type

import httpx
import httpx2

import meshlib
from meshlib import CallReport, Mesh
from meshlib.httpx2 import (
    AsyncMeshClient,
    AsyncMeshTransport,
    AsyncServiceClient,
    CircuitOpenError,
    DeadlineExceededError,
    MeshClient,
    MeshTransport,
    ServiceClient,
)


def takes_httpx2(client: httpx2.Client) -> None:
    """Somebody's code that knows httpx2 only."""


def clients_of_any_kind(mesh: Mesh) -> None:
    """Each way to make a client."""
    MeshClient("checkout", services={"users": ["http://127.0.0.1:8001"]})
    MeshClient(mesh=mesh, transport=httpx2.HTTPTransport(), limits=httpx2.Limits())
    AsyncMeshClient(mesh=mesh, transport=httpx2.AsyncHTTPTransport(), follow_redirects=True)
    httpx2.Client(transport=MeshTransport("checkout", services={"users": []}))
    httpx2.AsyncClient(transport=AsyncMeshTransport("checkout", config="mesh.yaml"))
    MeshClient(transport=httpx.HTTPTransport())  # type: ignore[arg-type]  # of the other library


def sync_calls() -> None:
    """Each way to call."""
    with MeshClient("checkout") as client:
        assert_type(client, MeshClient)
        takes_httpx2(client)
        assert_type(client.get("http://users/api/users"), httpx2.Response)
        assert_type(client.get("users", "/api/users", params={"a": 1}), httpx2.Response)
        assert_type(client.post("users", "/api/users", content=b"", timeout=1.0), httpx2.Response)
        assert_type(client.query("users", "/api/users", json={}), httpx2.Response)
        client.get("users", "/", timeout=httpx2.Timeout(1.0), headers=httpx2.Headers())
        client.get("users", "/", timeout=httpx.Timeout(1.0))  # type: ignore[arg-type]  # the other
        with client.stream("GET", "users", "/large") as response:
            assert_type(response, httpx2.Response)
        users = client.service("users")
        assert_type(users, ServiceClient)
        assert_type(users.get("/api/users"), httpx2.Response)
        request = client.build_request("GET", "users", "/api/users")
        assert_type(request, httpx2.Request)
        assert_type(client.send(request), httpx2.Response)
        assert_type(client.mesh, Mesh)
        assert_type(client.explain("users", "/"), CallReport)


async def async_calls() -> None:
    """Each way to call, awaited."""
    async with AsyncMeshClient("checkout") as client:
        assert_type(client, AsyncMeshClient)
        assert_type(await client.get("http://users/api/users"), httpx2.Response)
        assert_type(await client.query("users", "/api/users"), httpx2.Response)
        async with client.stream("GET", "users", "/large") as response:
            assert_type(response, httpx2.Response)
        users = client.service("users")
        assert_type(users, AsyncServiceClient)
        assert_type(await users.post("/api/users", json={"a": 1}), httpx2.Response)


def errors() -> None:
    """As what each error may be caught, and what it carries."""
    try:
        MeshClient().get("http://users/")
    except CircuitOpenError as error:
        ours: meshlib.CircuitOpenError = error
        theirs: httpx2.TransportError = error
        assert_type(error.retry_after, float)
        print(ours, theirs)
    except DeadlineExceededError as error:
        timeout: httpx2.TimeoutException = error
        assert_type(error.attempts, int)
        print(timeout)


def transports(request: httpx2.Request) -> None:
    """A transport is called as one of httpx2."""
    assert_type(MeshTransport().handle_request(request), httpx2.Response)
