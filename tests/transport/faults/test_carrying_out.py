"""How long faults take, what they send and give back, and what ends them early."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from meshlib import AsyncMeshClient, CallOptions, Mesh, MeshClient
from support import FakeClock, Reply, ScriptedServer, replies
from support.meshes import Body, Caller
from support.ways import settled

Make = Callable[..., Caller]
JSON = {"content-type": "application/json", "content-encoding": "identity"}
QUICK = {"backoff": {"initial": 0}}


def faulty(make: Make, *rules: dict[str, Any], script: Any = (200,), **settings: Any) -> Caller:
    """A caller of one service under these rules."""
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    settings = {"breaker": False, "outlier": False, "retry": QUICK, **settings}
    config = {"faults": named, "services": {"users": {"endpoints": ["http://a:80"], **settings}}}
    return make(*script, config=config, endpoints=["http://a:80"], **settings)


def limits(**kinds: float) -> dict[str, Any]:
    """The caller's timeouts of httpx."""
    return {"timeout": {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0, **kinds}}


async def ended(caller: Caller, **extensions: Any) -> Any:
    """The response, read, or the error of a call with these extensions."""
    request = httpx.Request("GET", "http://users/", extensions=extensions)
    try:
        response = await caller.send(request)
        await caller.read(response)
    except httpx.HTTPError as exc:
        return exc
    return response


def closings(caller: Caller) -> int:
    """How often the body of the endpoint's first response was closed."""
    body = caller.wire.responses[0].stream
    assert isinstance(body, Body)
    closed: int = body.closed
    return closed


def at_rest(caller: Caller) -> bool:
    """Whether nothing is held: no permit, no attempt, no fault."""
    service = caller.service
    return (
        service.bulkhead.in_flight == 0
        and [0] == [target.load.in_flight for target in service.targets]
        and not any(caller.mesh.faults.active.values())
    )


@pytest.mark.parametrize(
    ("fault", "timeouts", "error", "slept"),
    [
        ({"abort": {"error": "connect_timeout"}}, {"connect": 2.0}, httpx.ConnectTimeout, []),
        ({"abort": {"error": "read_timeout"}}, {"read": 3.0}, httpx.ReadTimeout, []),
        ({"abort": {"error": "write_timeout"}}, {"write": 1.0}, httpx.WriteTimeout, []),
        ({"abort": {"error": "pool_timeout"}}, {"pool": 1.5}, httpx.PoolTimeout, []),
        ({"abort": {"blackhole": "connect"}}, {"connect": 2.0}, httpx.ConnectTimeout, [2.0]),
        ({"abort": {"blackhole": "read"}}, {"read": 100.0}, httpx.ReadTimeout, [4.0]),
        ({"abort": {"blackhole": "connect"}}, {"connect": 9.0}, httpx.ConnectTimeout, [4.0]),
        ({"delay": {"fixed": 9.0}}, {"read": 1.0}, httpx.ReadTimeout, [1.0]),
        ({"delay": {"fixed": 9.0}}, {"read": 100.0}, httpx.ReadTimeout, [4.0]),
        ({"abort": {"error": "refused"}}, {}, httpx.ConnectError, []),
        ({"abort": {"error": "unreachable"}}, {}, httpx.ConnectError, []),
        ({"abort": {"error": "broken_pipe"}}, {}, httpx.WriteError, []),
    ],
)
async def test_an_abort_is_over_at_once_and_a_blackhole_is_not(
    caller: Make,
    fault: dict[str, Any],
    timeouts: dict[str, float],
    error: type[Exception],
    slept: list[float],
) -> None:
    """It takes the caller's own timeout of its kind, and never more than the attempt has."""
    one = faulty(caller, fault, attempt_timeout=4, retry=False)
    assert error is type(await ended(one, **limits(**timeouts)))
    assert slept == one.clock.slept
    assert [] == one.wire.requests
    assert at_rest(one)


async def test_a_wait_that_the_deadline_ends_is_its_error(caller: Make) -> None:
    """As with an endpoint that is silent until then."""
    one = faulty(caller, {"abort": {"blackhole": "read"}}, timeout=2)
    error = await ended(one, **limits(read=100.0))
    assert "DeadlineExceededError" == type(error).__name__
    assert [2.0] == one.clock.slept


async def test_a_lost_response_was_sent_for(caller: Make) -> None:
    """The endpoint acts on the request; its response is discarded, and the attempt fails."""
    fault = {"abort": {"error": "disconnected"}, "when": "after", "max_total": 1}
    one = faulty(caller, fault)
    response = await ended(one, **limits())
    assert 200 == response.status_code
    assert 2 == len(one.wire.requests)
    assert 1 == closings(one)
    assert ("rule-0", None) == tuple(a.fault for a in response.extensions["mesh"].attempts)
    assert at_rest(one)


async def test_a_real_failure_is_raised_as_itself(caller: Make) -> None:
    """Also where the fault would have lost the response."""
    real = httpx.ConnectError("it is down")
    fault = {"abort": {"error": "disconnected"}, "when": "after"}
    one = faulty(caller, fault, script=(real,), retry=False)
    assert real is await ended(one)
    assert at_rest(one)


async def test_a_status_may_follow_a_request_that_was_processed(caller: Make) -> None:
    """With the delay of the response before it."""
    fault = {"abort": {"status": 500, "body": "late"}, "delay": {"fixed": 2}, "when": "after"}
    one = faulty(caller, fault)
    response = await ended(one)
    assert (500, b"late", 1) == (response.status_code, response.content, len(one.wire.requests))
    assert [2.0] == one.clock.slept


@pytest.mark.parametrize("phase", ["attempt", "call"])
async def test_a_body_counts_until_it_is_closed(caller: Make, phase: str) -> None:
    """The fault that slows it down is in force that long."""
    one = faulty(caller, {"response": {"chunk_delay": 1}, "phase": phase})
    response = await one.send(httpx.Request("GET", "http://users/"))
    assert {"rule-0": 1} == one.mesh.faults.active
    assert b"body" == await one.read(response)
    assert [1.0] == one.clock.slept
    assert at_rest(one)


@pytest.mark.parametrize("phase", ["attempt", "call"])
async def test_a_broken_body_gives_everything_back(caller: Make, phase: str) -> None:
    """The endpoint's own body is closed, and no permit is left."""
    one = faulty(caller, {"response": {"truncate": 2}, "phase": phase})
    response = await one.send(httpx.Request("GET", "http://users/"))
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        await one.read(response)
    await one.close(response)
    assert closings(one)
    assert at_rest(one)
    failures = sum(target.failures for target in one.service.targets)
    assert (1 if phase == "attempt" else 0) == failures


async def test_an_unread_response_is_given_back(caller: Make) -> None:
    """Closing it closes the endpoint's."""
    one = faulty(caller, {"response": {"truncate": 2}})
    await one.close(await one.send(httpx.Request("GET", "http://users/")))
    assert 1 == closings(one)
    assert at_rest(one)


async def test_a_response_dropped_unclosed_is_forgotten(caller: Make) -> None:
    """Its permits return, and a warning says whose it was."""
    one = faulty(caller, {"response": {"truncate": 2}})
    with pytest.warns(ResourceWarning, match="users"):
        await one.send(httpx.Request("GET", "http://users/"))
    assert at_rest(one)


async def test_a_call_is_tried_before_its_response_is_altered(caller: Make) -> None:
    """Retries are inside, and see nothing of it."""
    fault = {"phase": "call", "response": {"body": "other"}}
    one = faulty(caller, fault, script=(503, 200))
    response = await ended(one)
    assert (200, b"other", 2) == (response.status_code, response.content, len(one.wire.requests))
    assert "5" == response.headers["content-length"]
    assert at_rest(one)


async def test_a_call_may_lose_its_response(caller: Make) -> None:
    """Outside retries, so nothing is tried again; a fallback still answers."""
    fault = {"phase": "call", "abort": {"error": "disconnected"}, "when": "after"}
    one = faulty(caller, fault)
    assert httpx.RemoteProtocolError is type(await ended(one))
    assert 1 == len(one.wire.requests)
    response = await ended(one, mesh=CallOptions(fallback="instead"))
    assert b"instead" == response.content
    assert at_rest(one)


async def test_an_altered_status_of_a_call_may_fall_back(caller: Make) -> None:
    """What the call answers with is what a fallback replaces."""
    fault = {"phase": "call", "abort": {"status": 503}, "when": "after"}
    response = await ended(faulty(caller, fault), mesh=CallOptions(fallback="instead"))
    assert b"instead" == response.content


async def test_a_call_without_an_effect_is_as_it_was(caller: Make) -> None:
    """The rules of the call drew nothing."""
    one = faulty(caller, {"phase": "call", "abort": {"status": 503, "percentage": 0}})
    assert b"body" == (await ended(one)).content
    assert at_rest(one)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_response_in_memory_is_altered_too(caller: Make, method: str) -> None:
    """A mock gives responses that are read already; a HEAD has no body to alter."""
    made = httpx.Response(200, json={"price": 1}, headers={"x-gone": "1"})
    corrupt = {"field": {"path": "price", "value": 2}}
    fault = {"response": {"corrupt": corrupt, "headers": {"remove": ["x-gone"]}}}
    one = faulty(caller, fault, script=(made,))
    response = await one.call(method)
    assert "x-gone" not in response.headers
    if method == "GET":
        assert {"price": 2} == response.json()
        assert str(len(response.content)) == response.headers["content-length"]


async def test_bytes_are_corrupted_as_they_come(caller: Make) -> None:
    """The length stays, so nothing has to be held back for it."""
    fault = {"response": {"corrupt": {"bytes": 1}}}
    content = (await ended(faulty(caller, fault))).content
    assert 4 == len(content)
    assert all(a != b for a, b in zip(b"body", content, strict=True))


async def test_a_narrow_band_takes_its_time(caller: Make) -> None:
    """Four bytes at eight a second."""
    one = faulty(caller, {"response": {"bandwidth": 8}})
    assert b"body" == (await ended(one)).content
    assert 0.5 == pytest.approx(sum(one.clock.slept))


async def test_a_retried_response_is_not_waited_for(caller: Make) -> None:
    """What a fault slows down is thrown away, not read."""
    fault = {"response": {"chunk_delay": 3}, "max_total": 1}
    one = faulty(caller, fault, script=(503, 200))
    assert 200 == (await ended(one)).status_code
    assert [] == [seconds for seconds in one.clock.slept if seconds]


# Called off


@pytest.fixture
def server() -> Any:
    """A server whose answer is that of an untouched call."""
    with ScriptedServer(replies(Reply(200, b"untouched"))) as server:
        yield server


WAITING: list[dict[str, Any]] = [
    {"delay": {"fixed": 60}, "abort": {"status": 500}},
    {"delay": {"fixed": 60}, "response": {"body": "other"}, "when": "after"},
    {"abort": {"blackhole": "read"}},
    {"abort": {"blackhole": "connect"}},
    {"abort": {"blackhole": "read"}, "when": "after"},
    {"response": {"chunk_delay": 60, "truncate": 4}},
    {"abort": {"error": "read_timeout", "after": 4}},
    {"delay": {"fixed": 60}, "phase": "call", "abort": {"status": 500}},
]
SWITCHES: dict[str, Callable[[Mesh], None]] = {
    "all": lambda mesh: setattr(mesh.faults, "enabled", False),
    "one": lambda mesh: mesh.faults.disable("slow"),
    "gone": lambda mesh: mesh.faults.remove("slow"),
}


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("fault", WAITING, ids=str)
async def test_a_fault_that_waits_is_cut_short(
    kind: str,
    server: ScriptedServer,
    fault: dict[str, Any],
    switch: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its call goes on at once, as if there had been none: minutes before its time."""
    service = {"endpoints": [server.url], "timeout": 50, "attempt_timeout": 40}
    rules = [{"name": "slow", **fault}]
    mesh = Mesh(config={"services": {"users": service}, "faults": rules})
    waiting = threading.Event()
    hold = mesh.faults.hold

    def noted(*about: Any) -> bool:
        stands = hold(*about)
        waiting.set()
        return stands

    monkeypatch.setattr(mesh.faults, "hold", noted)
    got: list[httpx.Response] = []

    def blocking() -> None:
        with MeshClient(mesh=mesh, timeout=30) as client:
            got.append(client.get("http://users/"))

    async def suspending() -> None:
        async with AsyncMeshClient(mesh=mesh, timeout=30) as client:
            got.append(await client.get("http://users/"))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            if kind == "sync":
                tasks.start_soon(anyio.to_thread.run_sync, blocking)
            else:
                tasks.start_soon(suspending)
            await anyio.to_thread.run_sync(waiting.wait)
            SWITCHES[switch](mesh)
    assert [(200, b"untouched")] == [(one.status_code, one.content) for one in got]
    assert not any(mesh.faults.active.values())
    mesh.close()


@pytest.mark.parametrize(
    "effect", [{"chunk_delay": 1}, {"truncate": 3}, {"corrupt": {"bytes": 1}}], ids=str
)
async def test_a_body_on_its_way_is_left_alone(caller: Make, effect: dict[str, Any]) -> None:
    """What still comes when the fault is called off comes as it is."""
    made = httpx.Response(200, stream=Body(b"aa", b"bb", b"cc"))
    one = faulty(caller, {"response": effect}, script=(made,))
    response = await one.send(httpx.Request("GET", "http://users/"))
    found = []
    if one.kind == "sync":
        for chunk in response.iter_raw():
            found.append(chunk)
            one.mesh.faults.enabled = False
    else:
        async for chunk in response.aiter_raw():
            found.append(chunk)
            one.mesh.faults.enabled = False
    assert [b"bb", b"cc"] == found[1:]
    assert [1.0] * ("chunk_delay" in effect) == one.clock.slept
    assert at_rest(one)


async def test_a_body_without_a_length_gets_none(caller: Make) -> None:
    """One that was sent in chunks stays so, with other content."""
    made = httpx.Response(200, stream=Body(b'{"price"', b": 1}"))
    fault = {"response": {"corrupt": {"field": {"path": "price", "value": 22}}}}
    response = await ended(faulty(caller, fault, script=(made,)))
    assert {"price": 22} == response.json()
    assert "content-length" not in response.headers


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in")
async def test_a_dropped_body_gives_its_connection_back(kind: str, server: ScriptedServer) -> None:
    """As that of an untouched response."""
    config = {
        "services": {"users": {"endpoints": [server.url]}},
        "faults": [{"name": "x", "response": {"truncate": 2}}],
    }
    client: Any = MeshClient(config=config) if kind == "sync" else AsyncMeshClient(config=config)
    request = client.build_request("GET", "http://users/")
    if kind == "sync":
        client.send(request, stream=True)
    else:
        await client.send(request, stream=True)
    gc.collect()
    assert 0 == client._driver._wire.open_count
    assert {"x": 0} == client.mesh.faults.active
    await settled(client.close() if kind == "sync" else client.aclose())


async def test_a_loser_of_a_race_does_not_wait_to_its_end(
    kind: str, server: ScriptedServer
) -> None:
    """A hedge wins over an attempt that a fault holds back, and both are over then."""
    rule = {"name": "slow", "delay": {"fixed": 60}, "max_total": 1}
    with ScriptedServer(replies(Reply(200, b"untouched"))) as other:
        service = {"endpoints": [server.url, other.url], "hedge": {"delay": 0.01}}
        mesh = Mesh(config={"services": {"users": service}, "faults": [rule]})
        before = threading.active_count()
        with anyio.fail_after(10):
            if kind == "sync":
                with MeshClient(mesh=mesh, timeout=30) as client:
                    response = client.get("http://users/")
                for thread in threading.enumerate():
                    if thread.name == "meshlib-hedge":
                        thread.join(5)
                assert threading.active_count() <= before
            else:
                async with AsyncMeshClient(mesh=mesh, timeout=30) as client:
                    response = await client.get("http://users/")
        assert b"untouched" == response.content
        assert 2 == len(response.extensions["mesh"].attempts)
        assert 1 == len(server.requests) + len(other.requests)
        assert {"slow": 0} == mesh.faults.active
        mesh.close()


def test_a_cancelled_wait_gives_everything_back(clock: FakeClock) -> None:
    """Nobody waits for it, and it says nothing about the endpoint."""

    async def main() -> None:
        rule = {"name": "slow", "abort": {"blackhole": "read"}}
        service = {"endpoints": ["http://a:80"]}
        mesh = Mesh(config={"services": {"users": service}, "faults": [rule]})
        async with AsyncMeshClient(mesh=mesh, timeout=30) as client:
            with anyio.move_on_after(0.01):
                await client.get("http://users/")
        assert {"slow": 0} == mesh.faults.active
        assert 0 == mesh.service("users").bulkhead.in_flight
        assert [0] == [target.failures for target in mesh.service("users").targets]
        mesh.close()

    anyio.run(main)
