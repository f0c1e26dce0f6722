"""Answers that a healthy API server does not give, or not when a test wants it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from socket import SO_KEEPALIVE
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from meshlib import ConfigurationError, DiscoveryError
from meshlib.discovery import Timing, make_discovery
from meshlib.discovery import _http as http_module
from meshlib.discovery.kubernetes import KubernetesDiscovery
from meshlib.discovery.kubernetes import _lines as lines_module
from meshlib.discovery.kubernetes._answers import reason
from meshlib.discovery.kubernetes._lines import Lines
from support import FakeClock, Script, ScriptedServer
from support.peer import Peer
from support.real.following import first, following
from support.scripts import never_answer

SERVICE = "users"
TOKEN = "a-token-nobody-may-see"


def slice_of(*hosts: str, name: str = "users-1", version: str = "5") -> dict[str, Any]:
    """A slice with these addresses."""
    return {
        "metadata": {"name": name, "resourceVersion": version},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 80}],
        "endpoints": [{"addresses": [host]} for host in hosts],
    }


def listed(*slices: Any, version: str = "10", more: str = "") -> bytes:
    """A list of *slices*."""
    metadata = {"resourceVersion": version, "continue": more}
    return json.dumps({"items": list(slices), "metadata": metadata}).encode()


def event(kind: str, thing: Any) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


class Replayed:
    """
    A server that answers each request with the next of its *answers*, then no more.

    An answer is a status, or the body of a 200: as one text, or as a list of chunks. With
    *hold* the last one is not ended.
    """

    def __init__(self, *answers: int | bytes | list[bytes], hold: bool = True) -> None:
        self._answers: Iterator[int | bytes | list[bytes]] = iter(answers)
        self._hold = hold

    async def __call__(self, peer: Peer) -> None:
        """Answer one request of a connection."""
        if await peer.request() is None:
            return
        answer = next(self._answers, None)
        if answer is None:
            await peer.request()  # nothing more is to be said; wait for the client to go
        elif isinstance(answer, int):
            status = {"kind": "Status", "code": answer, "message": f"because of {answer}"}
            await peer.respond(answer, json.dumps(status).encode())
        elif isinstance(answer, bytes):
            await peer.respond(200, answer)
        else:
            await peer.send_head(200, {"transfer-encoding": "chunked"})
            for chunk in answer:
                await peer.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await peer.send(b"0\r\n\r\n")


@pytest.fixture
def replay(
    serve: Callable[..., ScriptedServer], tmp_path: Path
) -> Callable[..., tuple[ScriptedServer, KubernetesDiscovery]]:
    """A server with these answers, and a source for it."""

    def start(
        *answers: int | bytes | list[bytes], script: Script | None = None, **settings: Any
    ) -> tuple[ScriptedServer, KubernetesDiscovery]:
        server = serve(script or Replayed(*answers))
        return server, KubernetesDiscovery(kubeconfig=kubeconfig(tmp_path, server.url), **settings)

    return start


def kubeconfig(directory: Path, url: str) -> str:
    """A kubeconfig for the server at *url*."""
    document = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = directory / "kubeconfig"
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(document))
    fresh.replace(path)  # it may be read meanwhile
    return str(path)


def asked(server: ScriptedServer) -> list[dict[str, str]]:
    """The parameters of the requests."""
    queries = (urlsplit(request.target).query for request in server.requests)
    return [{name: values[0] for name, values in parse_qs(q).items()} for q in queries]


Replay = Callable[..., tuple[ScriptedServer, KubernetesDiscovery]]


async def test_requests_say_what_is_wanted(replay: Replay) -> None:
    """A list by pages, then a watch from its version, with our token."""
    server, source = replay(
        listed(slice_of("10.0.0.1"), version="10", more="mark"),
        listed(slice_of("10.0.0.2", name="users-2"), version="11"),
        page_size=1,
        watch_timeout=60,
    )
    async with following(source, SERVICE) as seen:
        await seen.until_urls("http://10.0.0.1:80", "http://10.0.0.2:80")
        await server.until(lambda: len(server.requests) == 3)
    paths = {urlsplit(request.target).path for request in server.requests}
    assert {"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"} == paths
    assert {f"Bearer {TOKEN}"} == {one.headers["authorization"] for one in server.requests}
    selector = {"labelSelector": "kubernetes.io/service-name=users"}
    one, two, watch = asked(server)
    assert {**selector, "limit": "1"} == one
    assert {**selector, "limit": "1", "continue": "mark"} == two
    assert 60 <= int(watch.pop("timeoutSeconds")) <= 120
    expected = {**selector, "watch": "true", "allowWatchBookmarks": "true"}
    assert {**expected, "resourceVersion": "11"} == watch


async def test_lines_may_come_in_any_pieces(replay: Replay) -> None:
    """Events are found in chunks that begin and end anywhere, and in none that are empty."""
    stream = event("MODIFIED", slice_of("10.0.0.2", version="11")) + b"\n"
    stream += event("ADDED", slice_of("10.0.0.3", name="users-2", version="12"))
    pieces = [stream[n : n + 7] for n in range(0, len(stream), 7)]
    server, source = replay(listed(slice_of("10.0.0.1")), pieces)
    async with following(source, SERVICE) as seen:
        await seen.until_urls("http://10.0.0.2:80", "http://10.0.0.3:80")
        await server.until(lambda: len(server.requests) == 3)
    assert "12" == asked(server)[2]["resourceVersion"]


async def test_a_very_long_line_is_read(replay: Replay) -> None:
    """A slice of a thousand endpoints is one line, of a quarter of a megabyte or more."""
    hosts = [f"10.1.{n // 250}.{n % 250}" for n in range(1000)]
    thing = slice_of(*hosts)
    thing["metadata"]["annotations"] = {"padding": "\u2028\x85 x" * 50_000}
    line = json.dumps({"type": "MODIFIED", "object": thing}, ensure_ascii=False).encode() + b"\n"
    _, source = replay(listed(slice_of("10.0.0.1")), [line[:100_000], line[100_000:]])
    async with following(source, SERVICE) as seen:
        await seen.until(lambda: len(seen.lists) == 2)
        assert 1000 == len(seen.lists[1])


@pytest.mark.parametrize(
    "gone",
    [
        410,
        404,
        [event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})],
        [event("ERROR", {"kind": "Status", "reason": "Expired"})],
    ],
    ids=["410", "404", "event", "reason"],
)
async def test_a_version_that_is_gone_makes_a_new_list(
    replay: Replay, gone: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As a status or within the stream, and nothing is reported; a second list need not hurry."""
    caplog.set_level(logging.WARNING)
    clock = FakeClock()
    server, source = replay(
        listed(slice_of("10.0.0.1")),
        gone,
        listed(slice_of("10.0.0.2"), version="20"),
        _timing=Timing(clock=clock, sleep=clock.asleep),
    )
    async with following(source, SERVICE) as seen:
        await seen.until_urls("http://10.0.0.2:80")
        await server.until(lambda: len(server.requests) == 4)
    assert "20" == asked(server)[3]["resourceVersion"]
    assert [["http://10.0.0.1:80"], ["http://10.0.0.2:80"]] == [
        [endpoint.url for endpoint in endpoints] for endpoints in seen.lists
    ]
    (pause,) = clock.slept
    assert 1.0 <= pause <= 2.0
    assert not caplog.records


async def test_a_list_that_was_of_use_is_followed_at_once(replay: Replay) -> None:
    """Only a server that forgets all the time is asked slowly."""

    class Passing(FakeClock):
        """Ten seconds at each look."""

        def __call__(self) -> float:
            return self.advance(10.0)

    clock = Passing()
    _, source = replay(
        listed(), 410, listed(slice_of("10.0.0.1")), _timing=Timing(clock, clock.asleep)
    )
    async with following(source, SERVICE) as seen:
        await seen.until_urls("http://10.0.0.1:80")
    assert [] == clock.slept


async def test_pages_that_expire_are_listed_at_once(replay: Replay) -> None:
    """A 410 for a page asks for everything without pages, and again is a failure."""
    page = listed(slice_of("10.0.0.1"), more="mark")
    server, source = replay(page, 410, listed(slice_of("10.0.0.2")))
    assert ["http://10.0.0.2:80"] == [one.url for one in await first(source, SERVICE)]
    assert "limit" not in asked(server)[2]
    _, source = replay(page, 410, 410)
    with pytest.raises(DiscoveryError, match="answered a list with status 410"):
        await first(source, SERVICE)
    _, source = replay(page, 410, 404, 404)
    with pytest.raises(DiscoveryError, match="serves no endpointslices"):
        await first(source, SERVICE)


async def test_a_server_without_slices_is_told(replay: Replay) -> None:
    """Both versions are tried, and the error says so."""
    server, source = replay(404, 404)
    with pytest.raises(DiscoveryError, match=r"no endpointslices .* in v1 or v1beta1"):
        await first(source, SERVICE)
    paths = [urlsplit(request.target).path.split("/")[3] for request in server.requests]
    assert ["v1", "v1beta1"] == paths


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([500], "answered 500: because of 500"),
        ([429], "answered 429: because of 429"),
        ([401], r"does not accept our credentials \(401\): because of 401"),
        ([b"[]"], "not b'"),
        ([b"{"], "a JSON object"),
        ([b"[" * 100_000], "a JSON object"),
        ([b"{}"], "metadata"),
        ([b'{"metadata": {}}'], "a resourceVersion"),
        ([b'{"metadata": {"resourceVersion": "1", "continue": 1}}'], "the mark of a next page"),
        ([b'{"items": {"a": 1}}'], "a list of EndpointSlices"),
        ([listed(1)], "an object, not 1"),
        ([listed(), [b"nothing\n"]], "a JSON object"),
        ([listed(), [b"[]\n"]], "a JSON object"),
        ([listed(), [event("LOOK", {})]], "a known type of event"),
        ([listed(), [event("ADDED", 1)]], "an object"),
        ([listed(), [event("DELETED", {"metadata": {"resourceVersion": "3"}})]], "the name"),
        ([listed(), [event("ERROR", {"code": 500, "message": "Oh"})]], "a watch with 500: Oh"),
        ([listed(), [event("ERROR", "?")]], "a watch with None"),
        ([listed(), []], "a watch ended as soon as it had begun"),
        ([listed(), 500], "answered 500"),
    ],
    ids=str,
)
async def test_what_cannot_be_understood_is_a_failure(
    replay: Replay, answers: list[Any], says: str
) -> None:
    """It is a DiscoveryError that names the service and says what was wrong, but no secret."""
    _, source = replay(*answers)
    async with following(source, SERVICE) as seen:
        error = await seen.until_error()
    assert isinstance(error, DiscoveryError)
    assert (SERVICE, "kubernetes") == (error.service, error.source)
    assert re.search(says, str(error)), str(error)
    assert TOKEN not in f"{error!r}{error.__cause__!r}"


async def test_a_failure_names_the_server(replay: Replay) -> None:
    """And where its address was read."""
    server, source = replay(500)
    with pytest.raises(DiscoveryError, match=f"{server.url} .*kubeconfig.*context x"):
        await first(source, SERVICE)


async def test_an_answer_without_a_reason_has_its_status(replay: Replay) -> None:
    """A proxy that is no API server says things in HTML."""

    async def refuse(peer: Peer) -> None:
        await peer.request()
        await peer.respond(502, b"<html>")

    _, source = replay(script=refuse)
    with pytest.raises(DiscoveryError, match=r"answered 502$"):
        await first(source, SERVICE)


async def test_a_watch_that_is_never_answered_is_a_failure(replay: Replay) -> None:
    """Though a watch may be silent for minutes, it must begin in time."""
    server, source = replay(listed(slice_of("10.0.0.1")), timeout=0.1)
    async with following(source, SERVICE) as seen:
        error = await seen.until_error()
    assert f"{server.url} " in str(error)
    assert "did not answer within 0.1 s" in str(error)


async def test_a_handshake_that_is_given_up_closes_its_connection(
    serve: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    """Now, and not when the collector comes by."""
    server = serve(never_answer())
    file = kubeconfig(tmp_path, server.url.replace("http:", "https:"))
    source = KubernetesDiscovery(kubeconfig=file, timeout=30)
    async with following(source, SERVICE):
        await server.until(lambda: server.connections)
    await server.until(lambda: server.connections[0].closed)


async def test_a_silent_connection_is_probed(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch waits for minutes; a server that is gone by then would not be noticed."""
    found: list[int] = []
    build = httpx.AsyncHTTPTransport

    def note(**options: Any) -> Any:
        found.extend(value for _, name, value in options["socket_options"] if name != SO_KEEPALIVE)
        return build(**options)

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", note)
    monkeypatch.setitem(http_module._PROBES, "TCP_OF_ANOTHER_SYSTEM", 1000)
    _, source = replay(listed())
    await first(source, SERVICE)
    assert found
    assert 1000 not in found
    assert sum(found) <= 60


async def test_a_missing_kubeconfig_is_a_failure(tmp_path: Path) -> None:
    """Of the service that was asked for; it may be there the next time."""
    source = KubernetesDiscovery(kubeconfig=tmp_path / "missing")
    with pytest.raises(DiscoveryError, match=r"kubernetes: the kubeconfig .*missing does not"):
        await first(source, SERVICE)


def test_a_reason_is_found_where_there_is_one() -> None:
    """Some errors of libraries have no text but that of what caused them."""
    error = TimeoutError()
    assert "TimeoutError" == reason(error)
    error.__cause__ = OSError()
    error.__cause__.__context__ = ValueError("because")
    assert "TimeoutError: because" == reason(error)


async def test_an_answer_that_breaks_off_is_a_failure(replay: Replay) -> None:
    """Half a list is none."""

    async def break_off(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(200, {"content-length": "100"})
        await peer.send(b'{"items"')

    _, source = replay(script=break_off)
    with pytest.raises(DiscoveryError, match="cannot be reached: RemoteProtocolError"):
        await first(source, SERVICE)


async def test_a_watch_that_is_cut_at_once_is_a_failure(replay: Replay) -> None:
    """What comes between would tear every connection, and the list would grow old unseen."""

    class Cutting(Replayed):
        """Cuts the second answer."""

        requests = 0

        async def __call__(self, peer: Peer) -> None:
            self.requests += 1
            if self.requests != 2:
                return await super().__call__(peer)
            await peer.request()
            await peer.send_head(200, {"transfer-encoding": "chunked"})
            return None

    _, source = replay(script=Cutting(listed(slice_of("10.0.0.1"))))
    async with following(source, SERVICE) as seen:
        error = await seen.until_error()
    assert "as soon as it had begun, cut off by RemoteProtocolError" in str(error)


async def test_a_kubeconfig_that_names_another_server_makes_a_new_list(
    replay: Replay, serve: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    """A version of one server says nothing to another."""
    chunks = [event("MODIFIED", slice_of("10.0.0.2", version="11"))]
    _, source = replay(listed(slice_of("10.0.0.1")), chunks, _timing=quick())
    other = serve(Replayed(listed(slice_of("10.0.0.3"))))
    async with following(source, SERVICE) as seen:
        await seen.until(lambda: seen.lists)
        kubeconfig(tmp_path, other.url)
        await seen.until_urls("http://10.0.0.3:80")
    assert "watch" not in asked(other)[0]


def quick() -> Timing:
    """Time that passes only by pauses."""
    clock = FakeClock()
    return Timing(clock, clock.asleep)


async def test_a_name_that_kubernetes_has_not_is_a_failure(replay: Replay) -> None:
    """It would be another request than the one that was meant."""
    server, source = replay()
    for name in ("Users", "a/b", "users.A_B"):
        with pytest.raises(DiscoveryError, match="which is no name there"):
            await first(source, name)
    assert not server.requests


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"service": ""}, "service"),
        ({"namespace": 1}, "namespace"),
        ({"port": 0}, "port"),
        ({"port": True}, "port"),
        ({"port": ""}, "port"),
        ({"port": "65536"}, "port"),
        ({"port": 1.5}, "port"),
        ({"scheme": "ftp"}, "scheme"),
        ({"address_family": "ipv5"}, "address_family"),
        ({"zone": ""}, "zone"),
        ({"node": 1}, "node"),
        ({"labels": 1}, "labels"),
        ({"labels": {"a": 1}}, "labels.a"),
        ({"kubeconfig": []}, "kubeconfig"),
        ({"kubeconfig": 1}, "kubeconfig"),
        ({"context": ""}, "context"),
        ({"service_account": 1}, "service_account"),
        ({"service_account": "a", "context": "b"}, "service_account"),
        ({"timeout": 0}, "timeout"),
        ({"watch_timeout": 0.5}, "watch_timeout"),
        ({"page_size": 0}, "page_size"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_named(settings: dict[str, Any], path: str) -> None:
    """The error has its place in the document."""
    with pytest.raises(ConfigurationError) as error:
        make_discovery({"kubernetes": settings})
    assert f"discovery.kubernetes.{path}" == error.value.path


def test_every_setting_may_be_given(tmp_path: Path) -> None:
    """Documents and programs write some of them differently."""
    for more in ({}, {"kubeconfig": tmp_path, "port": "80"}, {"service_account": tmp_path}):
        make_discovery({"kubernetes": {"labels": ["a"], "timeout": "5s", **more}})


def test_lines_are_cut_at_line_feeds_only() -> None:
    """However the bytes come, and without blank ones."""
    lines = Lines()
    chunks: Iterable[bytes] = [b"a\xe2\x80\xa8b\n\nc", b"", b"d", b"e\nf\n \n"]
    assert [[b"a\xe2\x80\xa8b"], [], [], [b"cde", b"f"]] == [lines.feed(one) for one in chunks]


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server sends such a thing, and memory is not for free."""
    monkeypatch.setattr(lines_module, "_LONGEST", 10)
    lines = Lines()
    assert [] == lines.feed(b"1234567890")
    with pytest.raises(ValueError, match="more than 10 bytes"):
        lines.feed(b"1")


async def test_a_line_without_an_end_is_a_failure(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what was sent."""
    monkeypatch.setattr(lines_module, "_LONGEST", 10)
    _, source = replay(listed(), [b"12345678901"])
    async with following(source, SERVICE) as seen:
        error = await seen.until_error()
    assert "sent a line of more than 10 bytes" in str(error)
