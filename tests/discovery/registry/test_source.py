"""The source against servers that do as they are told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery._timing import Timing
from meshlib.discovery.registry import RegistryDiscovery
from support import FakeClock, Gate, Peer, Reply, Script, ScriptedServer, replies

Serve = Callable[..., ScriptedServer]
HEAD = {"content-type": "text/event-stream; charset=utf-8"}


def answer(*names: str, epoch: str = "e", revision: int = 1) -> bytes:
    """What the registry says."""
    instances = [{"id": name, "url": f"http://{name}:80"} for name in names]
    return json.dumps(
        {"epoch": epoch, "cursor": f"{epoch}.{revision}.0", "instances": instances}
    ).encode()


def event(*names: str, epoch: str = "e", revision: int = 1) -> bytes:
    """The same for a watcher."""
    data = answer(*names, epoch=epoch, revision=revision)
    return b"id: %s.%d.0\nevent: instances\ndata: %s\n\n" % (epoch.encode(), revision, data)


def stream(*chunks: bytes | Gate, hold: bool = False) -> Script:
    """Answer one request by *chunks*, waiting at each gate; then end it, or *hold* it."""

    async def script(peer: Peer) -> None:
        if await peer.request() is None:
            return
        await peer.send_head(200, HEAD)
        for chunk in chunks:
            if isinstance(chunk, Gate):
                await chunk.passed()
            else:
                await peer.send(chunk)
        if hold:
            await peer.gone()

    return script


def refused(detail: str, status: int = 401) -> Script:
    """Answer by a problem."""
    body = json.dumps({"status": status, "detail": detail}).encode()
    return replies(Reply(status, body, {"content-type": "application/problem+json"}))


@asynccontextmanager
async def watching(source: RegistryDiscovery, service: str = "users") -> AsyncIterator[Any]:
    """The lists of *source*, closed at the end."""
    async with aclosing(source.watch(service)) as lists:
        yield lists


def urls(endpoints: Sequence[Endpoint]) -> list[str]:
    """The hosts of *endpoints*."""
    return [endpoint.url.removeprefix("http://").removesuffix(":80") for endpoint in endpoints]


def source_at(clock: FakeClock, *servers: ScriptedServer | str, **options: Any) -> Any:
    """A source for which waiting takes no time."""
    addresses = [one if isinstance(one, str) else one.url for one in servers]
    timing = Timing(clock=clock, sleep=clock.asleep)
    return RegistryDiscovery(addresses, _timing=timing, **options)


async def test_asks_for_the_service(serve: Serve, clock: FakeClock) -> None:
    """By its name here or there, with the token, and not for what is compressed."""
    server = serve(stream(event("a"), hold=True))
    source = source_at(clock, server, service="Users 2", token="s3cret")
    async with watching(source) as lists:
        assert ["a"] == urls(await anext(lists))
    (request,) = server.requests
    assert "/v1/services/Users%202/watch" == request.target
    assert "Bearer s3cret" == request.headers["authorization"]
    assert "text/event-stream" == request.headers["accept"]
    assert "identity" == request.headers["accept-encoding"]
    assert "last-event-id" not in request.headers


async def test_every_list_comes_through(serve: Serve, clock: FakeClock) -> None:
    """Also one that says there are none, and those in small or large chunks."""
    letters = [event("a")[n : n + 1] for n in range(len(event("a")))]
    both = event("b", revision=2) + event(revision=3)
    server = serve(stream(*letters, both, event(*(f"n{n}" for n in range(5000))), hold=True))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["b"] == urls(await anext(lists))
        assert [] == urls(await anext(lists))
        assert 5000 == len(await anext(lists))


async def test_a_sign_of_life_repeats_the_list(serve: Serve, clock: FakeClock) -> None:
    """So its age is that of the registry's last word; before a list it says nothing."""
    other = b"event: news\ndata: 1\n\n"
    server = serve(stream(b": watching\n\n", other, event("a"), b": keep-alive\n\n", hold=True))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["a"] == urls(await anext(lists))


@pytest.mark.parametrize("cut", [b"", event("b", revision=2)[:60], b": half a comm"])
async def test_a_watch_that_is_cut_is_taken_up(serve: Serve, clock: FakeClock, cut: bytes) -> None:
    """Where it was, without a failure; a list that was cut off is not believed."""
    server = serve(stream(event("a"), cut), stream(event("b", revision=2), hold=True))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["b"] == urls(await anext(lists))
    assert "e.1.0" == server.requests[1].headers["last-event-id"]


async def test_a_chunked_answer_that_is_cut_is_taken_up(serve: Serve, clock: FakeClock) -> None:
    """Though for HTTP that is an error."""

    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(200, {**HEAD, "transfer-encoding": "chunked"})
        await peer.send(b"%x\r\n%s\r\n7" % (len(event("a")), event("a")))

    server = serve(cut, stream(b": watching\n\n", hold=True))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["a"] == urls(await anext(lists))
    assert 2 == len(server.requests)


async def test_short_watches_are_taken_up_ever_later(serve: Serve, clock: FakeClock) -> None:
    """A proxy that cuts at once is not asked without a pause; one good watch makes up for it."""
    gate = Gate()
    server = serve(*[stream(event("a"))] * 10, stream(event("a"), gate), stream(event("a")))
    async with watching(source_at(clock, server)) as lists:
        for _ in range(11):
            await anext(lists)
        clock.advance(10.0)
        gate.open()
        await anext(lists)
    pauses = clock.slept
    for number, pause in enumerate(pauses[:10]):
        shortest = min(0.25 * 2**number, 30.0)
        assert shortest <= pause <= 2 * shortest
    assert 0.25 <= pauses[10] <= 0.5


async def test_silence_ends_a_watch(serve: Serve, clock: FakeClock) -> None:
    """A connection that died without a word is given up, and another made."""
    server = serve(stream(event("a"), hold=True), stream(event("b", revision=2), hold=True))
    source = source_at(clock, server)
    source._silence = 0.05
    async with watching(source) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["b"] == urls(await anext(lists))


async def test_addresses_are_tried_in_turn(serve: Serve, clock: FakeClock) -> None:
    """One that answers is kept, also for the next watch, until it does not."""
    gate = Gate()
    first = serve(refused("no"), replies(503), stream(event("c", revision=3), hold=True))
    second = serve(stream(event("a"), gate), stream(event("b", revision=2), gate), replies(500))
    source = source_at(clock, first, second)
    async with watching(source) as lists:
        assert ["a"] == urls(await anext(lists))
        gate.open()
        assert ["b"] == urls(await anext(lists))
    assert (1, 2) == (len(first.requests), len(second.requests))
    async with watching(source, "orders") as lists:
        with pytest.raises(DiscoveryError):
            await anext(lists)
    assert (2, 3) == (len(first.requests), len(second.requests))


async def test_an_address_that_refuses_is_left_for_another(serve: Serve, clock: FakeClock) -> None:
    """A port without a server is no failure while another one answers."""
    gone = ScriptedServer()
    with gone:
        address = gone.url
    server = serve(stream(event("a"), hold=True))
    async with watching(source_at(clock, address, server)) as lists:
        assert ["a"] == urls(await anext(lists))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (refused("the bearer token is not valid"), "401 Unauthorized: the bearer token is not"),
        (replies(Reply(502, b"<html>")), "502 Bad Gateway"),
        (replies(Reply(500, b"[]")), "500 Internal Server Error"),
        (replies(Reply(200, b"{}", {"content-type": "text/html"})), "text/html in place of"),
        (replies(Reply(200, b"{}")), "something in place of"),
        (replies(Reply(302, b"", {"location": "http://elsewhere"})), "302 Found"),
        (stream(b": watching\n\n", b"event: instances\ndata: {\n\n"), "JSON is needed"),
        (stream(b"event: instances\ndata: {}\n\n"), "epoch and cursor"),
    ],
)
async def test_what_is_not_the_registry_is_a_failure(
    serve: Serve, clock: FakeClock, script: Script, said: str
) -> None:
    """The error names the address and what it said, and not who we are."""
    server = serve(script)
    source = source_at(clock, server, token="s3cret")
    async with watching(source) as lists:
        with pytest.raises(DiscoveryError) as error:
            await anext(lists)
    assert said in str(error.value)
    assert server.url in str(error.value)
    assert "s3cret" not in str(error.value)
    assert ("users", "registry") == (error.value.service, error.value.source)


async def test_an_event_without_an_end_is_a_failure(
    serve: Serve, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a good one: the next watch would bring the same."""
    monkeypatch.setattr(
        "meshlib.discovery.registry._sse.EventDecoder.__init__.__defaults__", (300,)
    )
    gate = Gate()
    server = serve(stream(event("a"), gate, b"data: " + b"x" * 500, hold=True))
    async with watching(source_at(clock, server)) as lists:
        await anext(lists)
        gate.open()
        with pytest.raises(DiscoveryError, match="300 bytes"):
            await anext(lists)


def keeps_back(*answers: bytes | int) -> Script:
    """A proxy that keeps events back, before a registry that answers questions."""
    left = list(answers)

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if request.target.endswith("/watch") or not left:
                await peer.gone()
            else:
                body = left.pop(0)
                await peer.respond(*((body, b"") if isinstance(body, int) else (200, body)))

    return script


async def test_asks_again_and_again_where_events_are_kept_back(
    serve: Serve, clock: FakeClock
) -> None:
    """The second way: questions that the server keeps until there is something new."""
    server = serve(keeps_back(answer("a"), 304, answer("b", revision=2), 304))
    source = source_at(clock, server)
    source._timeout = 0.1
    async with watching(source) as lists:
        found = [urls(await anext(lists)) for _ in range(4)]
    assert [["a"], ["a"], ["b"], ["b"]] == found
    targets = [request.target for request in server.requests]
    path = "/v1/services/users"
    assert [f"{path}/watch", path, f"{path}?after=e.1.0&wait=15"] == targets[:3]
    assert f"{path}?after=e.2.0&wait=15" == targets[4]
    assert '"e.1.0"' == server.requests[2].headers["if-none-match"]


async def test_asks_where_a_watch_ends_at_once(serve: Serve, clock: FakeClock) -> None:
    """A proxy may also take a stream for an empty answer."""
    server = serve(stream(), keeps_back(answer("a")))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))


async def test_a_watch_may_become_questions(serve: Serve, clock: FakeClock) -> None:
    """When a cut one cannot be taken up; the first question does not wait, nor repeat."""
    server = serve(stream(event("a")), keeps_back(304), keeps_back(304))
    source = source_at(clock, server)
    source._timeout = 0.1
    async with watching(source) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["a"] == urls(await anext(lists))
    last = server.requests[-1]
    assert ("/v1/services/users", '"e.1.0"') == (last.target, last.headers["if-none-match"])


async def test_the_way_may_be_chosen(serve: Serve, clock: FakeClock) -> None:
    """Questions at once, or events alone, for which silence is a failure."""
    server = serve(keeps_back(answer("a")))
    async with watching(source_at(clock, server, mode="poll")) as lists:
        assert ["a"] == urls(await anext(lists))
    assert ["/v1/services/users"] == [request.target for request in server.requests]
    source = source_at(clock, server, mode="events")
    source._timeout = 0.1
    async with watching(source) as lists:
        with pytest.raises(DiscoveryError, match=r"no answer within 0\.1 s"):
            await anext(lists)


async def test_a_server_that_never_answers_is_a_failure(serve: Serve, clock: FakeClock) -> None:
    """Whichever way it is asked."""
    server = serve(keeps_back())
    source = source_at(clock, server)
    source._timeout = 0.1
    monkey = "meshlib.discovery.registry._listen._WAIT"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monkey, 0)
        async with watching(source) as lists:
            with pytest.raises(DiscoveryError, match="ReadTimeout"):
                await anext(lists)


async def test_a_token_in_a_file_is_read_for_each_connection(
    serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    """It may be replaced; without one the error names the file."""
    file = tmp_path / "token"
    file.write_text("first\n")
    gate = Gate()
    server = serve(stream(event("a"), gate), stream(event("a"), hold=True))
    source = source_at(clock, server, token_file=file)
    async with watching(source) as lists:
        await anext(lists)
        file.write_text("second\nthird")
        gate.open()
        await anext(lists)
    assert ["Bearer first", "Bearer second"] == [
        request.headers["authorization"] for request in server.requests
    ]
    for content in ("", "é", None):
        file.unlink() if content is None else file.write_text(content, encoding="utf-8")
        async with watching(source) as lists:
            with pytest.raises(DiscoveryError, match="token"):
                await anext(lists)


async def test_a_lost_database_is_forgiven(
    serve: Serve, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The endpoints stay for a while, also over a failure, and go when nobody comes back."""
    server = serve(
        stream(event("a", "b", revision=9)),
        replies(503),
        stream(
            event(epoch="new", revision=0),
            event("b", epoch="new", revision=1),
            b": keep-alive\n\n",
            gate := Gate(),
            b": keep-alive\n\n",
            hold=True,
        ),
    )
    source = source_at(clock, server, grace="20s")
    async with watching(source) as lists:
        assert ["a", "b"] == urls(await anext(lists))
        with pytest.raises(DiscoveryError):
            await anext(lists)
    async with watching(source) as lists:
        assert ["a", "b"] == urls(await anext(lists))
        assert ["b", "a"] == urls(await anext(lists))
        assert ["b", "a"] == urls(await anext(lists))
        clock.advance(20.0)
        gate.open()
        assert ["b"] == urls(await anext(lists))
    assert 1 == caplog.text.count("another one than before")


async def test_a_revision_that_goes_back_is_taken(serve: Serve, clock: FakeClock) -> None:
    """In the same database, as after a crash of its machine: it is the newest there is."""
    server = serve(stream(event("a", revision=9)), stream(event("b", revision=3), hold=True))
    async with watching(source_at(clock, server)) as lists:
        assert ["a"] == urls(await anext(lists))
        assert ["b"] == urls(await anext(lists))


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("address", {"address": []}),
        ("address", {"address": "registry:8790"}),
        ("address", {"address": "http://user:secret@registry:8790"}),
        ("address[1]", {"address": ["http://a:1", 7]}),
        ("service", {"service": ""}),
        ("token", {"token": ""}),
        ("token", {"token": "a b"}),
        ("token", {"token": "a", "token_file": "f"}),
        ("token_file", {"token_file": ""}),
        ("mode", {"mode": "sse"}),
        ("timeout", {"timeout": 0}),
        ("silence", {"silence": "0.5s"}),
        ("grace", {"grace": -1}),
        ("tls.x", {"tls": {"x": 1}}),
    ],
)
def test_a_wrong_setting_is_named(field: str, options: dict[str, Any]) -> None:
    """When the source is made, before anything is asked."""
    with pytest.raises(ConfigurationError) as error:
        RegistryDiscovery(**options)
    assert field == error.value.path
    assert "secret" not in str(error.value)
