"""Both libraries in one process: what they share, and what they must not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

import meshlib
import meshlib.httpx2 as ours
from meshlib import ConfigurationError
from meshlib.transport import HTTPX, replayable
from support import ScriptedServer, echo, replies, says
from support.real import wait_until

Serve = Callable[..., ScriptedServer]


def run(code: str) -> None:
    """Run *code* in a process of its own."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_meshlib_needs_no_httpx2() -> None:
    """Neither its clients nor a mesh load it, and without it `meshlib.httpx2` says what to do."""
    run(
        "import sys\n"
        "sys.modules['httpx2'] = None\n"
        "import meshlib\n"
        "meshlib.MeshClient(services={'users': ['http://127.0.0.1:1']}).close()\n"
        "assert 'httpcore2' not in sys.modules\n"
        "try:\n"
        "    import meshlib.httpx2\n"
        "except ImportError as exc:\n"
        "    assert 'meshlib-client[httpx2]' in str(exc)\n"
        "else:\n"
        "    raise AssertionError('imported')\n"
    )


def test_clients_of_both_share_a_mesh(serve: Serve) -> None:
    """Blocking and asynchronous: one state, and each its own classes."""
    server = serve(echo())

    async def main(mesh: meshlib.Mesh) -> None:
        async with (
            ours.AsyncMeshClient(mesh=mesh) as new,
            meshlib.AsyncMeshClient(mesh=mesh) as old,
        ):
            assert type(await new.get("users", "/")) is httpx2.Response
            assert type(await old.get("users", "/")) is httpx.Response

    with meshlib.Mesh("test", services={"users": [server.url]}) as mesh:
        with ours.MeshClient(mesh=mesh) as new, meshlib.MeshClient(mesh=mesh) as old:
            assert type(new.get("users", "/")) is httpx2.Response
            assert type(old.get("users", "/")) is httpx.Response
            assert new.post("users", "/", content=b"a").content
        asyncio.run(main(mesh))
        endpoint = mesh.metrics().services["users"].endpoints[server.url]
        assert (5, 0) == (endpoint.attempts, endpoint.in_flight)
        explained = mesh.explain(httpx2.Request("GET", "http://users/"))
        assert "users" == explained.service


def test_breaker_that_one_opened_holds_for_the_other() -> None:
    """Failures of both libraries are failures, and each is told in its own words."""
    service = {"endpoints": ["http://127.0.0.1:1"], "retry": False}
    breaker = {"breaker": {"consecutive_failures": 2}}
    mesh = meshlib.Mesh("test", services={"users": service | breaker})
    with mesh, ours.MeshClient(mesh=mesh) as new, meshlib.MeshClient(mesh=mesh) as old:
        with pytest.raises(httpx2.ConnectError):
            new.get("users", "/")
        with pytest.raises(httpx.ConnectError):
            old.get("users", "/")
        with pytest.raises(ours.CircuitOpenError):
            new.get("users", "/")
        with pytest.raises(meshlib.CircuitOpenError) as caught:
            old.get("users", "/")
        assert type(caught.value) is meshlib.CircuitOpenError


@pytest.mark.parametrize(
    ("client", "transport", "fault"),
    [
        (ours.MeshClient, httpx.MockTransport(lambda request: httpx.Response(200)), "of httpx,"),
        (ours.AsyncMeshClient, httpx.AsyncHTTPTransport(verify=False), "of httpx,"),
        (meshlib.MeshClient, httpx2.HTTPTransport(verify=False), "of httpx2,"),
        (meshlib.AsyncMeshClient, httpx2.AsyncHTTPTransport(verify=False), "of httpx2,"),
    ],
)
def test_transport_of_the_other_library_is_refused(client: Any, transport: Any, fault: str) -> None:
    """When the client is made, not by an assertion of the library at the first response."""
    with pytest.raises(ConfigurationError, match=f"^transport: it is a transport {fault}"):
        client(transport=transport)


def test_transport_of_both_libraries_or_of_none_is_taken() -> None:
    """What inherits from both, or only looks like one, gives the response that is asked for."""

    class Both(httpx.BaseTransport, httpx2.BaseTransport):  # type: ignore[misc]  # on purpose
        def handle_request(self, request: Any) -> Any:
            library = httpx if isinstance(request, httpx.Request) else httpx2
            return library.Response(200, text=library.__name__)

    class Neither:
        handle_request = Both.handle_request

        def close(self) -> None:
            """Have nothing to close."""

    for kind in (Both, Neither):
        services = {"users": ["http://127.0.0.1:1"]}
        for package in (meshlib, ours):
            client: Any = package.MeshClient(services=services, transport=kind())
            library = "httpx2" if package is ours else "httpx"
            assert library == client.get("http://users/").text
            client._transport_of_mesh.close()


@pytest.mark.parametrize(
    ("client", "request_", "where"),
    [
        (ours.MeshClient, httpx.Request("GET", "http://users/"), "meshlib has clients"),
        (meshlib.MeshClient, httpx2.Request("GET", "http://users/"), "meshlib.httpx2 has clients"),
    ],
)
def test_request_of_the_other_library_is_refused(client: Any, request_: Any, where: str) -> None:
    """With a word of where the right client is, also by the transport alone."""
    with client(services={"users": ["http://127.0.0.1:1"]}) as made:
        with pytest.raises(TypeError, match=where):
            made.send(request_)
        with pytest.raises(TypeError, match=where):
            made._transport_of_mesh.handle_request(request_)


@pytest.mark.parametrize(
    ("library", "transport"),
    [(httpx, ours.MeshTransport), (httpx2, meshlib.MeshTransport)],
)
def test_client_of_the_other_library_is_told(library: Any, transport: Any) -> None:
    """A transport in the wrong client says so at its first request."""
    client = library.Client(transport=transport(services={"users": []}))
    with client, pytest.raises(TypeError, match="this is a request of"):
        client.get("http://users/")


def test_bodies_of_either_can_be_sent_again(tmp_path: Any) -> None:
    """Bytes, and files that can be rewound; no generator."""
    for library in (httpx, httpx2):
        request = library.Request("POST", "http://users/", content=b"a")
        assert replayable(request.stream)
        with (tmp_path / "file").open("w+b") as file:
            assert replayable(library.Request("POST", "http://u/", files={"a": file}).stream)
        assert not replayable(library.Request("POST", "http://u/", content=iter([b"a"])).stream)


def test_query_is_a_method_like_others(serve: Serve) -> None:
    """httpx2 has it, by a URL, and by the name of a service."""
    server = serve(echo())
    with ours.MeshClient(services={"users": [server.url]}) as client:
        assert 200 == client.query("http://users/a", content=b"q").status_code
        assert 200 == client.query("users", "/a", json={"a": 1}).status_code
    assert ["QUERY", "QUERY"] == [request.method for request in server.requests]
    assert b"q" == server.requests[0].body

    async def main() -> None:
        async with ours.AsyncMeshClient(services={"users": [server.url]}) as client:
            assert 200 == (await client.query("users", "/a", content=b"q")).status_code

    asyncio.run(main())


def test_redirect_to_nowhere_is_left_to_who_asks(serve: Serve) -> None:
    """httpx2 gives such a response without `next_request`, and so does its mesh's client."""
    nowhere = b"HTTP/1.1 302 Found\r\nlocation: https://\r\ncontent-length: 0\r\n\r\n"
    server = serve(says(nowhere))
    with httpx2.Client() as plain:
        expected = plain.get(server.url).next_request
    with ours.MeshClient(services={"users": [server.url]}) as client:
        response = client.get("http://users/")
    assert 302 == response.status_code
    assert (expected is None) is (response.next_request is None)


def test_mirror_copies_over_a_mock() -> None:
    """A `MockTransport` of httpx2 gets requests of httpx2, also as copies."""
    seen: list[Any] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"host": request.url.host})

    mirror = {"service": "next", "compare": {"json": True}}
    services = {
        "users": {
            "endpoints": ["http://10.0.0.1"],
            "routes": [{"name": "all", "mirror": mirror}],
        },
        "next": ["http://10.0.0.2"],
    }
    transport = httpx2.MockTransport(answer)
    with ours.MeshClient(services=services, transport=transport) as client:
        assert {"host": "10.0.0.1"} == client.get("http://users/").json()
        wait_until("both are compared", lambda: _compared(client) == 1)
    assert {"10.0.0.1", "10.0.0.2"} == {request.url.host for request in seen}
    assert all(isinstance(request, httpx2.Request) for request in seen)


def _compared(client: ours.MeshClient) -> int:
    (counts,) = client.mesh.mirroring.counts()["users"].values()
    return counts.compared


def test_connections_are_of_httpcore2(serve: Serve) -> None:
    """And those of httpx, in the same process, of httpcore."""
    server = serve(replies(200))
    for package, core in ((ours, "httpcore2"), (meshlib, "httpcore")):
        client: Any = package.MeshClient(services={"users": [server.url]})
        client.get("http://users/")
        (stack,) = client._transport_of_mesh._wire._stacks.values()
        assert core == type(stack.idle[0].http).__module__.partition(".")[0]
        client.close()
    assert "httpx" == HTTPX.name
