"""
Tests the types of the public interface; checked by mypy, never run.

Each statement is something that users write. `assert_type` fails the check when an
inferred type changes.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from typing import assert_type

import httpx

import meshlib
from meshlib import (
    AsyncMeshClient,
    AsyncMeshTransport,
    AttemptReport,
    BulkheadFullError,
    CallOptions,
    CallRejectedError,
    CallReport,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    DiscoveryError,
    Endpoint,
    Event,
    Mesh,
    MeshClient,
    MeshConfig,
    MeshError,
    MeshTransport,
    NoEndpointError,
    RouteDeniedError,
    ServiceConfig,
    deadline,
)


def listen(event: Event) -> None:
    """A listener is any callable that takes an event."""
    assert_type(event.service, str)


async def discover(service: str) -> AsyncIterator[Sequence[Endpoint]]:
    """A source of endpoints is an asynchronous generator of whole lists."""
    yield [Endpoint("http://127.0.0.1:8001"), Endpoint("http://127.0.0.1:8002", weight=3.0)]


def clients_of_any_kind() -> None:
    """Each way to make a client."""
    MeshClient()
    MeshClient("checkout")
    MeshClient("checkout", services={"users": ["http://127.0.0.1:8001"]})
    MeshClient("checkout", config="mesh.yaml", services={"users": {"endpoints": []}})
    MeshClient("checkout", config={"outside": "deny"}, discovery=discover)
    MeshClient(config=MeshConfig(name="checkout"), services={"users": ServiceConfig()})
    MeshClient(transport=httpx.HTTPTransport(), listeners=[listen])
    MeshClient(verify=ssl.create_default_context(), http2=True, limits=httpx.Limits())
    MeshClient(auth=("user", "password"), headers={"a": "b"}, base_url="http://users", timeout=1.0)
    MeshClient(mesh=Mesh("checkout", services={"users": ["http://127.0.0.1:8001"]}))
    AsyncMeshClient("checkout", transport=httpx.AsyncHTTPTransport(), follow_redirects=True)
    httpx.Client(transport=MeshTransport("checkout", services={"users": []}))
    httpx.AsyncClient(transport=AsyncMeshTransport("checkout", config="mesh.yaml"))


def takes_httpx(client: httpx.Client) -> None:
    """Somebody's code that knows httpx only."""


def sync_calls() -> None:
    """Each way to call."""
    with MeshClient("checkout") as client:
        assert_type(client, MeshClient)
        takes_httpx(client)
        assert_type(client.get("http://users/api/users"), httpx.Response)
        assert_type(client.get("users", "/api/users", params={"a": 1}), httpx.Response)
        assert_type(client.post("https://api.example.com/charges", json={}), httpx.Response)
        assert_type(client.post("users", "/api/users", content=b"", timeout=1.0), httpx.Response)
        assert_type(client.request("PATCH", "users", "/api/users/1"), httpx.Response)
        options = CallOptions(timeout=1.0, idempotent=True, hash_key="u1", retry=False)
        client.get("http://users", extensions={"mesh": options})
        with client.stream("GET", "users", "/large") as response:
            assert_type(response, httpx.Response)
        users = client.service("users")
        assert_type(users.get("/api/users"), httpx.Response)
        assert_type(users.delete("/api/users/1", headers={"a": "b"}), httpx.Response)
        request = client.build_request("GET", "users", "/api/users")
        assert_type(request, httpx.Request)
        assert_type(client.send(request), httpx.Response)
        assert_type(client.mesh, Mesh)


async def async_calls() -> None:
    """Each way to call, awaited."""
    async with AsyncMeshClient("checkout") as client:
        assert_type(client, AsyncMeshClient)
        assert_type(await client.get("http://users/api/users"), httpx.Response)
        assert_type(await client.get("users", "/api/users"), httpx.Response)
        async with client.stream("GET", "users", "/large") as response:
            assert_type(response, httpx.Response)
        users = client.service("users")
        assert_type(await users.post("/api/users", json={"a": 1}), httpx.Response)


def deadlines() -> None:
    """An ambient deadline yields its instant."""
    with deadline(2.0) as instant:
        assert_type(instant, float)


def reports(mesh: Mesh, response: httpx.Response) -> None:
    """What a call tells afterwards, and beforehand."""
    report: CallReport = response.extensions["mesh"]
    assert_type(report.service, str)
    for attempt in report.attempts:
        assert_type(attempt, AttemptReport)
        assert_type(attempt.elapsed, float)
    assert_type(mesh.explain(httpx.Request("GET", "http://users/")), CallReport)


def errors() -> None:
    """What each error carries, and as what it may be caught."""
    try:
        MeshClient().get("http://users/")
    except NoEndpointError as error:
        assert_type(error.service, str)
    except CircuitOpenError as error:
        assert_type(error.retry_after, float)
    except BulkheadFullError as error:
        assert_type(error.max_concurrency, int)
    except (RouteDeniedError, CallRejectedError) as error:
        transport_error: httpx.TransportError = error
        assert_type(transport_error.request, httpx.Request)
    except DeadlineExceededError as error:
        timeout: httpx.TimeoutException = error
        assert_type(error.attempts, int)
        assert_type(timeout.request, httpx.Request)
    except DiscoveryError as error:
        assert_type(error.source, str)
    except ConfigurationError as error:
        assert_type(error.path, str)
    except MeshError as error:
        assert_type(str(error), str)


assert_type(meshlib.__version__, str)
