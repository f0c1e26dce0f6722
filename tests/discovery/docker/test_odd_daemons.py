"""What no real daemon can be made to say at will, said by a script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from meshlib import DiscoveryError
from meshlib.discovery import Timing
from meshlib.discovery.docker import DockerDiscovery
from meshlib.discovery.docker._daemon import find_daemon
from meshlib.discovery.docker._engine import Engine, EngineError
from support import FakeClock, Peer, Script, ScriptedServer
from support.real.following import first, following

Serve = Callable[..., ScriptedServer]
RECORDED = json.loads(
    (Path(__file__).parents[2] / "vectors" / "docker_container.json").read_text()
)["container"]
DATE = {"date": "Sat, 21 Nov 2026 11:10:37 GMT"}
SECONDS = 1795259437 - 2


def container(ident: str, port: int = 8080, **state: Any) -> dict[str, Any]:
    """The recorded container as another one in one network."""
    networks = {"back": {"IPAddress": "10.213.0.2"}}
    return {
        **RECORDED,
        "Id": ident,
        "Name": f"/{ident}",
        "State": {"Running": True, **state},
        "Config": {"Labels": {"meshlib.service": "users", "meshlib.port": str(port)}},
        "NetworkSettings": {"Networks": networks, "Ports": {}},
    }


def event(ident: str, action: str = "start", **labels: str) -> bytes:
    """An event of a container of `users`."""
    labels = labels or {"meshlib.service": "users"}
    actor = {"ID": ident, "Attributes": labels}
    return json.dumps({"Type": "container", "Action": action, "Actor": actor}).encode() + b"\n"


def docker(**answers: list[Any]) -> Script:
    """
    Answer each path with the next of its *answers*, the last one for ever.

    `version`, `events`, `list` (twice each time) and the ids of containers. An answer is a
    document, bytes, a status with one of these, or, for events, a list of chunks: the
    stream stays open when the last one is `...`.
    """
    ready = {"version": [{"ApiVersion": "1.41", "MinAPIVersion": "1.12"}], "list": [[]], **answers}

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            parts = request.target.partition("?")[0].split("/")
            name = "list" if parts[-2:] == ["containers", "json"] else parts[-1]
            name = parts[-2] if name == "json" else name
            queue = ready[name]
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            if name == "events" and isinstance(answer, list):
                await peer.send_head(200, {"connection": "close"})
                for chunk in answer:
                    if chunk is ...:
                        await peer.gone()
                        return
                    await peer.send(chunk)
                return
            status, document = answer if isinstance(answer, tuple) else (200, answer)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            await peer.respond(status, data, DATE if name == "version" else {})

    return script


def source(server: ScriptedServer, **settings: Any) -> DockerDiscovery:
    """The source for *server*, which waits for nothing."""
    clock = FakeClock()
    return DockerDiscovery(
        f"tcp://127.0.0.1:{server.port}",
        **{"_timing": Timing(clock=clock, sleep=clock.asleep), **settings},
    )


def targets(server: ScriptedServer) -> list[str]:
    """The paths that have been asked for, without what is queried."""
    return [request.target.partition("?")[0] for request in server.requests]


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "/v1.41"),
        ({"ApiVersion": "1.24"}, "/v1.24"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.44"}, "/v1.54"),
    ],
)
async def test_the_newest_common_version_is_spoken(
    serve: Serve, told: dict[str, str], spoken: str
) -> None:
    """It is found out by a request without a version."""
    server = serve(docker(version=[told], events=[[...]]))
    assert () == await first(source(server), "users")
    asked = targets(server)
    assert ["/version", f"{spoken}/events"] == asked[:2]
    assert {f"{spoken}/containers/json"} == set(asked[2:])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"ApiVersion": "1.23"}, r"versions 1\.23 to 1\.23 of the API, and meshlib speaks 1\.24"),
        ({"ApiVersion": "2.9", "MinAPIVersion": "2.0"}, r"versions 2\.0 to 2\.9"),
        ({}, "in place of its version"),
        ({"ApiVersion": 1.41}, "in place of its version"),
        ({"ApiVersion": "one.two"}, "in place of its version"),
        ([], "in place of its version"),
        (b"<html>", "in place of JSON"),
        ((500, {"message": "out of order"}), "answered 500: out of order"),
        ((502, b"bad gateway"), "answered 502$"),
        ((200, b"[" * 100_000), "in place of JSON"),
    ],
)
async def test_a_version_that_is_none_is_a_failure(serve: Serve, told: Any, message: str) -> None:
    """The error names the daemon."""
    server = serve(docker(version=[told]))
    with pytest.raises(DiscoveryError, match=message) as error:
        await first(source(server), "users")
    assert f"tcp://127.0.0.1:{server.port}" in str(error.value)
    assert ("users", "docker") == (error.value.service, error.value.source)


async def test_events_are_asked_for_from_before_the_list(serve: Serve) -> None:
    """From a moment by the daemon's clock, so that none falls between the two."""
    server = serve(docker(events=[[...]]))
    await first(source(server), "users")
    asked = next(r.target for r in server.requests if "/events" in r.target)
    assert f"since={SECONDS}" in asked


async def test_events_of_others_are_passed_over(serve: Serve) -> None:
    """Their containers are not asked for."""
    chunks = [event("b", **{"meshlib.service": "orders"}), b"\n", event("a"), ...]
    server = serve(docker(events=[chunks], a=[container("a")]))
    async with following(source(server), "users") as seen:
        await seen.until_urls()
        await seen.until_urls("http://10.213.0.2:8080")
    assert "/v1.41/containers/b/json" not in targets(server)


async def test_a_container_may_be_gone_when_it_is_asked_for(serve: Serve) -> None:
    """Between the list or the event and the question it may vanish."""
    listed = [{"Id": "a"}, {"Id": "b"}]
    gone = (404, {"message": "No such container: b"})
    server = serve(
        docker(
            list=[listed],
            events=[[event("a", "destroy"), ...]],
            a=[container("a"), gone],
            b=[gone],
        )
    )
    async with following(source(server), "users") as seen:
        await seen.until_urls("http://10.213.0.2:8080")
        await seen.until_urls()


async def test_a_cut_stream_is_begun_again_and_everything_read(serve: Serve) -> None:
    """What was missed meanwhile is in the list; a stream that ends at once is not hurried."""
    clock = FakeClock()
    server = serve(
        docker(
            events=[[event("a")], [...]],
            list=[[], [], [{"Id": "b"}], []],
            a=[container("a")],
            b=[container("b", 9090)],
        )
    )
    timing = Timing(clock=clock, sleep=clock.asleep)
    async with following(source(server, _timing=timing), "users") as seen:
        await seen.until_urls()
        await seen.until_urls("http://10.213.0.2:8080")
        await seen.until_urls("http://10.213.0.2:9090")
    assert 1 == len(clock.slept)
    assert 1.0 <= clock.slept[0] <= 1.2


async def test_a_stream_that_has_lasted_is_begun_again_at_once(serve: Serve) -> None:
    """A pause would be one in which nothing is heard."""
    clock = FakeClock()
    server = serve(docker(events=[[], [...]], list=[[], [], [{"Id": "a"}]], a=[container("a")]))
    timing = Timing(clock=lambda: clock.advance(2.0), sleep=clock.asleep)
    async with following(source(server, _timing=timing), "users") as seen:
        await seen.until_urls("http://10.213.0.2:8080")
    assert [] == clock.slept


async def test_a_socket_that_may_not_be_used_is_told() -> None:
    """What to do about it is said, since that is what happens first to most people."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 13] Permission denied", request=request)

    daemon = find_daemon("unix:///var/run/docker.sock", None, {})
    transport = httpx.MockTransport(refuse)
    async with httpx.AsyncClient(transport=transport, base_url="http://docker") as client:
        with pytest.raises(EngineError, match="Permission denied; may this user"):
            await Engine(daemon, client, 1.0, 1.0).ids({})


async def test_a_silent_daemon_is_asked_again(serve: Serve) -> None:
    """One that hangs would tell nothing either."""
    listed = [[], [], [{"Id": "a"}]]
    server = serve(docker(events=[[...]], list=listed, a=[container("a")]))
    async with following(source(server, idle_timeout=0.1), "users") as seen:
        await seen.until_urls()
        await seen.until_urls("http://10.213.0.2:8080")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"events": [(400, {"message": "invalid filter"})]}, "answered 400: invalid filter"),
        ({"events": [[b"<html>\n", ...]]}, "sent what is no event: an event is needed"),
        ({"list": [{}]}, "in place of a list of containers"),
        ({"list": [[1]]}, "in place of a container"),
        ({"list": [[{"Id": "../version"}]]}, "in place of a container"),
        ({"list": [(500, {})]}, "answered 500$"),
        ({"list": [[{"Id": "a"}]], "a": [[]]}, "a container is an object"),
        ({"list": [[{"Id": "a"}]], "a": [b"{"]}, "in place of JSON"),
        ({"list": [[{"Id": "a"}]], "a": [container("a", 0)]}, "nothing .* can be called: .* a: "),
    ],
)
async def test_answers_that_are_none_are_failures(
    serve: Serve, answers: dict[str, Any], message: str
) -> None:
    """They do not say that there is no endpoint."""
    server = serve(docker(**{"events": [[...]], **answers}))
    async with following(source(server), "users") as seen:
        error = await seen.until_error()
    assert isinstance(error, DiscoveryError)
    assert re.search(message, str(error))


async def test_a_daemon_that_never_answers_is_a_failure(serve: Serve) -> None:
    """There is a limit to waiting, for the events as for the rest."""

    async def mute(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if request.target != "/version":
                await peer.gone()
                return
            await peer.respond(200, b'{"ApiVersion": "1.41"}')

    for script in (mute, docker(version=[(200, b"")])):
        server = serve(script)
        with pytest.raises(DiscoveryError, match=r"did not answer within 0\.2 s|in place of JSON"):
            await first(source(server, timeout=0.2), "users")


async def test_a_daemon_without_a_date_is_no_failure(serve: Serve) -> None:
    """A proxy before it may take it away."""

    async def dateless(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if "/events" in request.target:
                await peer.send_head(200, {})
                await peer.gone()
                return
            listing = "/containers" in request.target
            await peer.respond(200, b"[]" if listing else b'{"ApiVersion": "1.41"}')

    server = serve(dateless)
    assert () == await first(source(server), "users")
    assert "since" not in next(r.target for r in server.requests if "/events" in r.target)


async def test_filters_of_a_project(serve: Serve) -> None:
    """Each alternative is asked for by itself, since labels in one filter must all be there."""
    server = serve(docker(events=[[...]]))
    await first(source(server, project="shop", label_prefix="m"), "users")
    listed = [r.target for r in server.requests if "/containers/json" in r.target]
    project = "com.docker.compose.project%3Dshop"
    for label in ("m.service", "com.docker.compose.service"):
        assert 1 == sum(project in t and f"{label}%3Dusers" in t for t in listed)
    assert 1 == sum(project in t and "m.services.users.port" in t for t in listed)
    assert 3 == len(listed)


async def test_a_label_that_means_nothing_is_told_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt label does not keep the container out."""
    odd, later = container("a"), container("a", 9090)
    for document in (odd, later):
        document["Config"]["Labels"]["meshlib.wieght"] = "3"
    answers = {"list": [[{"Id": "a"}]], "events": [[event("a"), ...]], "a": [odd, later]}
    async with following(source(serve(docker(**answers))), "users") as seen:
        await seen.until_urls("http://10.213.0.2:9090")
    told = [record.getMessage() for record in caplog.records]
    assert [
        "docker: container a: the label 'meshlib.wieght' means nothing; did you mean 'weight'?"
    ] == told


async def test_files_of_tls_that_are_missing_are_a_failure(tmp_path: Path) -> None:
    """They may come later, as rotated certificates do."""
    settings = {"ca": str(tmp_path / "none.pem")}
    missing = DockerDiscovery("tcp://127.0.0.1:1", tls=settings)
    with pytest.raises(DiscoveryError, match="files of TLS cannot be read"):
        await first(missing, "users")


async def test_several_services_at_the_same_time(serve: Serve) -> None:
    """One object serves them all."""
    server = serve(docker(events=[[...]]))
    asked = source(server)
    found: dict[str, Any] = {}

    async def ask(service: str) -> None:
        found[service] = await first(asked, service)

    async with anyio.create_task_group() as group:
        for service in ("users", "orders"):
            group.start_soon(ask, service)
    assert {"users": (), "orders": ()} == found
