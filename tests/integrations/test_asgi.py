"""The ASGI middleware, without a server, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from meshlib import DeadlineExceededError, Mesh
from meshlib._context import ambient_deadline, served_request
from meshlib.integrations import MeshMiddleware
from support import FakeClock
from support.serving import DEADLINE, SOON, ServerOfASGI, ask, past_the_deadline


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    """A mesh that serves."""
    with Mesh("orders") as mesh:
        yield mesh


def served(mesh: Mesh) -> tuple[int, int, int]:
    """How many requests were served, failed and are in flight."""
    counts = mesh.inbound.counts()
    return counts.served, counts.failed, counts.in_flight


def start(status: int = 200) -> dict[str, Any]:
    """What an answer begins with."""
    return {"type": "http.response.start", "status": status, "headers": []}


def body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    """A chunk of an answer."""
    return {"type": "http.response.body", "body": content, "more_body": more}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once."""
    await send(start())
    await send(body(b"hello"))


async def never(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing."""
    await anyio.sleep_forever()


async def test_answers_pass_through(mesh: Mesh) -> None:
    """What the application answers reaches the server, and is counted."""
    answered = await ask(MeshMiddleware(hello, mesh))
    assert (200, b"hello", True) == (answered.status, answered.body, answered.complete)
    assert (1, 0, 0) == served(mesh)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_expired_request_runs_nothing(mesh: Mesh, method: str) -> None:
    """A request whose caller has given up is answered 504, as a problem, at once."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("the application ran")

    answered = await ask(MeshMiddleware(app, mesh), headers={DEADLINE: "0"}, method=method)
    assert (504, True) == (answered.status, answered.complete)
    assert "application/problem+json" == answered.headers["content-type"]
    assert (method == "HEAD") == (answered.body == b"")
    assert (0, 0, 0) == served(mesh)


async def test_shed_request_says_when_to_come_back() -> None:
    """Beyond the limit a request is answered 503 with Retry-After; the permit comes back."""
    entered, go_on = anyio.Event(), anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await go_on.wait()
        await hello(scope, receive, send)

    with Mesh("orders", config={"inbound": {"concurrency": {"fixed": 1}}}) as mesh:
        middleware = MeshMiddleware(app, mesh)
        async with anyio.create_task_group() as group:
            group.start_soon(ask, middleware)
            await entered.wait()
            answered = await ask(middleware)
            assert 503 == answered.status
            assert int(answered.headers["retry-after"]) >= 1
            go_on.set()
        assert 200 == (await ask(middleware)).status


async def test_context_is_set_for_the_application_alone(mesh: Mesh) -> None:
    """The application sees its request and its deadline; around it nothing is left behind."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([served_request.get(), ambient_deadline.get()])
        await hello(scope, receive, send)

    await ask(MeshMiddleware(app, mesh), headers={DEADLINE: "5000", "x-request-id": "r-1"})
    request, deadline = seen
    assert "r-1" == request.request_id
    assert 0 < deadline - mesh.clock() <= 5
    assert (None, None) == (served_request.get(), ambient_deadline.get())


async def test_deadline_cancels_the_application(mesh: Mesh) -> None:
    """What still runs at the deadline is cancelled, and 504 is answered."""
    cancelled: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise

    answered = await ask(MeshMiddleware(app, mesh), headers=SOON)
    assert [True] == cancelled
    assert (504, True) == (answered.status, answered.complete)
    assert "deadline" in answered.json["detail"]
    assert (1, 1, 0) == served(mesh)
    await anyio.lowlevel.checkpoint()  # nothing of the cancellation is left


async def test_deadline_cuts_an_answer_off(mesh: Mesh) -> None:
    """An answer that has begun is not made another: the error tells the server to end it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"a", more=True))
        await anyio.sleep_forever()

    server = ServerOfASGI(headers=SOON)
    with pytest.raises(DeadlineExceededError):
        await server.run(MeshMiddleware(app, mesh))
    assert (200, b"a", False) == (
        server.answered.status,
        server.answered.body,
        server.answered.complete,
    )
    assert (1, 1, 0) == served(mesh)


async def test_late_answer_is_replaced(clock: FakeClock) -> None:
    """An answer that begins after the deadline is a 504, whatever it was, and its rest is lost."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock.advance(2)
        await hello(scope, receive, send)

    with Mesh("orders", clock=clock) as mesh:
        answered = await ask(MeshMiddleware(app, mesh), headers={DEADLINE: "1000"})
        assert (504, True) == (answered.status, answered.complete)
        assert b"hello" not in answered.body
        assert (1, 1, 0) == served(mesh)


async def test_application_that_swallows_the_cancellation(mesh: Mesh) -> None:
    """One that answers in spite of being cancelled has its answer replaced."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await hello(scope, receive, send)

    answered = await ask(MeshMiddleware(app, mesh), headers=SOON)
    assert (504, True) == (answered.status, answered.complete)
    await anyio.lowlevel.checkpoint()
    assert (1, 1, 0) == served(mesh)


async def test_call_that_ended_at_the_deadline(clock: FakeClock) -> None:
    """An application that fails because its call met the deadline is answered 504."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock.advance(2)
        raise DeadlineExceededError("the call was told to end")

    with Mesh("orders", clock=clock) as mesh:
        answered = await ask(MeshMiddleware(app, mesh), headers={DEADLINE: "1000"})
        assert 504 == answered.status


@pytest.mark.parametrize("headers", [{}, {DEADLINE: "5000"}])
async def test_errors_pass_as_they_are(mesh: Mesh, headers: dict[str, str]) -> None:
    """What the application raises reaches the server, same object, and counts as failed."""
    error = DeadlineExceededError("of a call with a timeout of its own")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(DeadlineExceededError) as raised:
        await ask(MeshMiddleware(app, mesh), headers=headers)
    assert error is raised.value
    assert (1, 1, 0) == served(mesh)


@pytest.mark.parametrize("headers", [{}, {DEADLINE: "5000"}])
async def test_cancellation_gives_the_permit_back(mesh: Mesh, headers: dict[str, str]) -> None:
    """A server that cancels the request is obeyed, and nothing stays in flight."""
    entered = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await anyio.sleep_forever()

    server = ServerOfASGI(headers=headers)
    async with anyio.create_task_group() as group:
        group.start_soon(server.run, MeshMiddleware(app, mesh))
        await entered.wait()
        assert 1 == mesh.inbound.counts().in_flight
        group.cancel_scope.cancel()
    assert 0 == server.answered.status
    assert 0 == mesh.inbound.counts().in_flight


async def test_permit_is_held_until_the_last_chunk(mesh: Mesh) -> None:
    """A streamed answer loads the process until it is complete, and not longer."""
    in_flight: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"a", more=True))
        in_flight.append(mesh.inbound.counts().in_flight)
        await send(body(b"b"))
        in_flight.append(mesh.inbound.counts().in_flight)

    assert b"ab" == (await ask(MeshMiddleware(app, mesh))).body
    assert [1, 0] == in_flight


async def test_work_behind_the_answer_has_no_deadline(mesh: Mesh) -> None:
    """Background tasks run on after the deadline, and calls made there have none."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        await past_the_deadline()
        seen.append(ambient_deadline.get())

    assert 200 == (await ask(MeshMiddleware(app, mesh), headers=SOON)).status
    assert [None] == seen
    assert (1, 0, 0) == served(mesh)


async def test_error_behind_the_answer(mesh: Mesh) -> None:
    """An error of a background task passes, and its request counts as served."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        raise KeyError("behind")

    with pytest.raises(KeyError):
        await ask(MeshMiddleware(app, mesh))
    assert (1, 0, 0) == served(mesh)


@pytest.mark.parametrize("kind", ["lifespan", "something.new"])
async def test_other_scopes_pass_untouched(mesh: Mesh, kind: str) -> None:
    """The application gets the very objects of the server."""
    got: list[Any] = []

    async def app(*arguments: Any) -> None:
        got.extend(arguments)

    scope, receive, send = {"type": kind, "path": "/health/live"}, object(), object()
    await MeshMiddleware(app, mesh, probes="/health")(scope, receive, send)  # type: ignore[arg-type]  # nothing is called
    assert got[0] is scope
    assert got[1] is receive
    assert got[2] is send


async def test_receive_is_the_servers(mesh: Mesh) -> None:
    """Bodies of requests and disconnects come to the application without a detour."""
    got: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(receive)
        await hello(scope, receive, send)

    server = ServerOfASGI()
    receive = server.receive
    await MeshMiddleware(app, mesh)(server.scope, receive, server.send)
    assert got[0] is receive


async def test_other_messages_pass(mesh: Mesh) -> None:
    """Messages that are no answer of their own reach the server in their place."""
    got: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.debug", "info": {}})
        await hello(scope, receive, send)

    async def send(message: Any) -> None:
        got.append(message["type"])

    for headers in ({}, {DEADLINE: "5000"}):
        server = ServerOfASGI(headers=headers)
        await MeshMiddleware(app, mesh)(server.scope, server.receive, send)
    assert ["http.response.debug", "http.response.start", "http.response.body"] * 2 == got


async def test_fault_answers_in_place_of_the_application() -> None:
    """An abort that the document asks for is answered, and the application does not run."""
    rule = {"name": "no", "abort": {"percentage": 100, "status": 418, "body": "tea"}}
    with Mesh("orders", config={"inbound": {"faults": [rule]}}) as mesh:
        answered = await ask(MeshMiddleware(never, mesh))
        assert (418, b"tea") == (answered.status, answered.body)
        assert 1 == mesh.inbound.counts().faults


async def test_fault_delays_within_the_deadline() -> None:
    """A delay that is longer than the caller waits ends with the deadline."""
    rule = {"name": "slow", "delay": {"percentage": 100, "fixed": 3600}}
    with Mesh("orders", config={"inbound": {"faults": [rule]}}) as mesh:
        assert 504 == (await ask(MeshMiddleware(hello, mesh), headers=SOON)).status
        assert 0 == mesh.inbound.counts().in_flight


async def test_fault_that_is_called_off_delays_no_more() -> None:
    """Stopping the faults lets the requests go on that wait because of them."""
    rule = {"name": "slow", "delay": {"percentage": 100, "fixed": 3600}}
    with Mesh("orders", config={"inbound": {"faults": [rule]}}) as mesh:
        async with anyio.create_task_group() as group:
            server = ServerOfASGI()
            group.start_soon(server.run, MeshMiddleware(hello, mesh))
            await anyio.wait_all_tasks_blocked()
            mesh.faults.stop()
        assert 200 == server.answered.status


def test_serves_on_several_event_loops(mesh: Mesh) -> None:
    """Each loop has its own watch; one that has ended disturbs no other."""
    middleware = MeshMiddleware(never, mesh)
    for _ in range(3):
        assert 504 == asyncio.run(ask(middleware, headers=SOON)).status


def test_cancelling_twice_is_no_deadline(mesh: Mesh) -> None:
    """A task that somebody else cancels at the same moment stays cancelled."""

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                task.cancel()  # as a server that shuts down would
                raise

        task = asyncio.create_task(ask(MeshMiddleware(app, mesh), headers=SOON))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert 0 == mesh.inbound.counts().in_flight


def test_error_because_of_the_cancellation(mesh: Mesh) -> None:
    """An application that fails as it is cancelled keeps its error, and its task is whole."""

    async def main() -> int:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError("cleaning up") from None

        with pytest.raises(KeyError):
            await ask(MeshMiddleware(app, mesh), headers=SOON)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert 0 == asyncio.run(main())


async def test_use_takes_another_mesh(mesh: Mesh) -> None:
    """A middleware can be led by another mesh from one request to the next."""
    middleware = MeshMiddleware(hello, mesh)
    with Mesh("another") as another:
        middleware.use(another)
        await ask(middleware)
        assert (1, 0, 0) == served(another)
    assert (0, 0, 0) == served(mesh)
