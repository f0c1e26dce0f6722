"""A source is kept running, whatever it does."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from meshlib import DiscoveryError, Endpoint, Event
from meshlib.discovery import Snapshot, Supervisor, Timing
from meshlib.events import DiscoveryFailed
from support import FakeClock

A, B = Endpoint("http://a:1"), Endpoint("http://b:1")
FOREVER = object()
"""A step of a script in which a source waits for ever."""


class Scripted:
    """A source that does a script each time it is watched: sends lists, raises, waits."""

    name = "scripted"

    def __init__(self, *scripts: list[Any]) -> None:
        self.scripts = list(scripts)
        self.closed = 0

    async def watch(self, service: str) -> AsyncIterator[Any]:
        """Do the next script."""
        assert service == "users"
        try:
            for step in self.scripts.pop(0):
                if step is FOREVER:
                    await anyio.sleep_forever()
                elif isinstance(step, BaseException):
                    raise step
                elif callable(step):
                    step()
                else:
                    yield step
        finally:
            self.closed += 1


class Bench:
    """A supervisor under test, which is cancelled when its source has nothing left to do."""

    def __init__(self, source: Any, **options: Any) -> None:
        self.clock = FakeClock()
        self.published: list[tuple[Endpoint, ...]] = []
        self.events: list[Event] = []
        self.pauses: list[float] = []
        self.source = source
        self.scope = anyio.CancelScope()
        settings: dict[str, Any] = {
            "publish": self.published.append,
            "on_event": self.events.append,
            "timing": Timing(self.clock, self.sleep, random.Random(1)),
            **options,
        }
        self.supervisor = Supervisor(source, "users", **settings)

    async def sleep(self, seconds: float) -> None:
        """Let the pause pass, or end the test when no script is left."""
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        if not self.source.scripts:
            self.scope.cancel()
        await anyio.lowlevel.checkpoint()

    async def run(self) -> None:
        """Run until every script is done."""
        with self.scope:
            await self.supervisor.run()

    @property
    def errors(self) -> list[str]:
        """What was reported, as text."""
        return [str(event.error) for event in self.events if isinstance(event, DiscoveryFailed)]


async def test_snapshots_are_published_in_order() -> None:
    """Each list that differs is published, and the status counts all of them."""
    bench = Bench(Scripted([[A], [A, B], []]))
    await bench.run()

    assert [(A,), (A, B), ()] == bench.published
    status = bench.supervisor.status
    assert ("scripted", 3, None) == (status.source, status.snapshots, status.error)
    assert 0.0 == status.age(1005.0)  # it works, so what it said last holds


async def test_empty_first_snapshot_is_published() -> None:
    """No endpoints is an answer, which those who wait for one must get."""
    bench = Bench(Scripted([[]]))
    await bench.run()

    assert [()] == bench.published
    assert [] == bench.events


async def test_same_snapshot_is_published_once() -> None:
    """A list that says nothing new is counted, and changes nothing."""
    bench = Bench(Scripted([[A, B], [B, A]], [(A, B)]))
    await bench.run()

    assert [(A, B)] == bench.published
    assert 3 == bench.supervisor.status.snapshots


async def test_other_weight_is_published() -> None:
    """An endpoint that changed is published again."""
    heavy = Endpoint("http://a:1", weight=2.0)
    bench = Bench(Scripted([[A], [heavy]]))
    await bench.run()

    assert [(A,), (heavy,)] == bench.published


async def test_double_addresses_are_published_once() -> None:
    """Of two endpoints with one address the first counts."""
    bench = Bench(Scripted([[Endpoint("http://a"), Endpoint("http://a:80", weight=2), A]]))
    await bench.run()

    assert [(Endpoint("http://a"), A)] == bench.published


async def test_failure_keeps_the_last_snapshot() -> None:
    """A source that raises is told with the age of what stays in force, and asked again."""
    bench = Bench(Scripted([], []))
    error = OSError("refused")
    bench.source.scripts = [[[A], lambda: bench.clock.advance(7), error], [OSError()], [[B]]]
    await bench.run()

    assert [(A,), (B,)] == bench.published
    event, later = bench.events
    assert isinstance(event, DiscoveryFailed)
    assert ("users", "scripted", error, 0.0) == (
        event.service,
        event.source,
        event.error,
        event.age,
    )
    assert isinstance(later, DiscoveryFailed)
    assert bench.pauses[0] == pytest.approx(later.age)  # as long as it has been failing
    assert bench.supervisor.status.error is None
    assert 3 == bench.source.closed


async def test_list_may_say_its_age_and_what_fails() -> None:
    """A list from a disk is as old as it says, and one source of several may fail."""
    error = OSError("refused")
    bench = Bench(Scripted([Snapshot([A], age=60.0, error=error), FOREVER]))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.run)
        await anyio.wait_all_tasks_blocked()
        status = bench.supervisor.status
        bench.scope.cancel()
    assert (error, 1) == (status.error, status.snapshots)
    assert 65.0 == status.age(1005.0)
    assert 0.0 == status.age(900.0)  # a clock that was set back
    (event,) = bench.events
    assert isinstance(event, DiscoveryFailed)
    assert event.error is error


async def test_older_list_than_the_last_one_is_passed_over() -> None:
    """What a disk remembers never replaces what the source said since."""
    old = Snapshot([B], age=60.0, error=OSError("refused"))
    bench = Bench(Scripted([[A], old, old, FOREVER]))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.run)
        await anyio.wait_all_tasks_blocked()
        status = bench.supervisor.status
        bench.scope.cancel()
    assert [(A,)] == bench.published
    assert 1 == status.snapshots
    assert ["refused"] == bench.errors


async def test_status_keeps_the_error_until_it_works() -> None:
    """While a source fails, its status says since when and why."""
    error = OSError("refused")
    bench = Bench(Scripted([error]))
    await bench.run()

    status = bench.supervisor.status
    assert (error, None, 0) == (status.error, status.last_success, status.snapshots)
    assert status.age(5.0) is None
    assert [] == bench.published


@pytest.mark.parametrize(
    ("garbage", "message"),
    [
        (None, "sent None in place of a list"),
        ("http://a", "sent 'http://a' in place of a list"),
        ({"url": "http://a"}, "in place of a list"),
        (["http://a"], "sent 'http://a' in place of an endpoint"),
        ([A, None], "sent None in place of an endpoint"),
        ([Endpoint("nonsense")], "has no scheme"),
        ([Endpoint("http://a", weight=0)], "above 0"),
    ],
)
async def test_garbage_is_a_failure(garbage: Any, message: str) -> None:
    """What is no list of valid endpoints is never published."""
    bench = Bench(Scripted([[A], garbage, [B]]))
    await bench.run()

    assert [(A,)] == bench.published
    assert 1 == len(bench.errors)
    assert message in bench.errors[0]
    assert 1 == bench.source.closed


async def test_source_that_ends_is_asked_again_quietly() -> None:
    """A source that sent a list and ended did its work; it is asked again after a pause."""
    bench = Bench(Scripted([[A]], [[B]]))
    await bench.run()

    assert [(A,), (B,)] == bench.published
    assert [] == bench.events
    assert 2 == len(bench.pauses)


async def test_source_that_ends_with_nothing_failed() -> None:
    """A source that ends before it said anything is told as a failure."""
    bench = Bench(Scripted([]))
    await bench.run()

    assert ["the source scripted ended without saying anything"] == bench.errors
    assert isinstance(bench.supervisor.status.error, DiscoveryError)


@pytest.mark.parametrize("watch", [lambda service: None, lambda service: FOREVER])
async def test_watch_that_is_no_generator_failed(watch: Callable[[str], Any]) -> None:
    """A watch method that returns something else is told in so many words."""
    source = Scripted()
    source.watch = watch  # type: ignore[method-assign]  # that is the test
    bench = Bench(source)
    await bench.run()

    assert ["the source scripted returned no async generator from watch()"] == bench.errors


async def test_watch_that_is_a_coroutine_failed() -> None:
    """A coroutine, the mistake of leaving `yield` out, is closed and told."""

    class Wrong(Scripted):
        async def watch(self, service: str) -> Any:  # type: ignore[override]  # that is the test
            """Return in place of yielding."""
            return [A]

    bench = Bench(Wrong())
    await bench.run()

    assert ["the source scripted returned no async generator from watch()"] == bench.errors


async def test_pauses_double_up_to_the_cap() -> None:
    """Between failures passes twice as long each time, less some jitter."""
    bench = Bench(Scripted(*([OSError()] for _ in range(7))))
    await bench.run()

    for pause, most in zip(bench.pauses, [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert most / 2 <= pause <= most
    assert 7 == len(set(bench.pauses))


async def test_pause_is_short_again_after_it_worked() -> None:
    """A source that worked for longer than the last pause has recovered."""
    bench = Bench(Scripted())
    bench.source.scripts = [
        [OSError()],
        [OSError()],
        [[A], lambda: bench.clock.advance(60), OSError()],
        [OSError()],
    ]
    await bench.run()

    assert bench.pauses[2] <= 1
    assert 1 <= bench.pauses[3] <= 2


async def test_pause_grows_while_it_works_for_moments_only() -> None:
    """A source that fails right after each first list is not asked every second."""
    bench = Bench(Scripted(*([[A], OSError()] for _ in range(4))))
    await bench.run()

    assert 4 <= bench.pauses[3] <= 8


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemError()])
async def test_failing_publisher_is_a_failure(error: Exception) -> None:
    """An error of the receiver does not end the supervision."""

    def publish(endpoints: tuple[Endpoint, ...]) -> None:
        if not bench.events:
            raise error

    bench = Bench(Scripted([[A]], [[A]]), publish=publish)
    await bench.run()

    assert [error] == [event.error for event in bench.events if isinstance(event, DiscoveryFailed)]
    assert 1 == bench.supervisor.status.snapshots


async def test_failing_listener_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error of the listener does not end the supervision."""

    def on_event(event: Event) -> None:
        raise RuntimeError("a bug")

    bench = Bench(Scripted([OSError()], [[A]]), on_event=on_event)
    await bench.run()

    assert [(A,)] == bench.published
    assert "a listener failed" in caplog.text


async def test_cancellation_closes_the_source() -> None:
    """Cancelled, the supervisor lets the source clean up, and ends."""
    cleaned: list[str] = []

    class Careful:
        name = ""

        async def watch(self, service: str) -> Any:
            """Wait, and say goodbye over the wire."""
            try:
                yield [A]
                await anyio.sleep_forever()
            finally:
                await anyio.lowlevel.checkpoint()
                cleaned.append(service)

    bench = Bench(Careful(), publish=lambda endpoints: bench.scope.cancel())
    await bench.run()

    assert bench.scope.cancelled_caught
    assert "Careful" == bench.supervisor.status.source
    # Cancelled while it waited, it was not yet shielded: only what it does itself counts.
    assert cleaned in ([], ["users"])


async def test_source_is_closed_under_a_shield() -> None:
    """A source that is suspended when the supervisor is cancelled may still talk."""
    said: list[str] = []

    class Polite:
        def watch(self, service: str) -> Any:
            """An iterator with a goodbye."""
            return self

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            await anyio.sleep_forever()

        async def aclose(self) -> None:
            """Take a moment to say goodbye."""
            await anyio.lowlevel.checkpoint()
            said.append("goodbye")

    bench = Bench(Polite())
    async with anyio.create_task_group() as group:
        group.start_soon(bench.run)
        await anyio.wait_all_tasks_blocked()
        bench.scope.cancel()

    assert ["goodbye"] == said


async def test_source_without_close_is_dropped() -> None:
    """An iterator that cannot be closed is a source, too."""

    class Bare:
        scripts: list[Any] = []

        def watch(self, service: str) -> Any:
            """An iterator."""
            return self

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            raise StopAsyncIteration

    bench = Bench(Bare())
    await bench.run()

    assert ["the source Bare ended without saying anything"] == bench.errors


async def test_source_that_cannot_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error while closing hides neither the failure nor the next try."""

    class Stuck(Scripted):
        async def watch(self, service: str) -> Any:
            """Fail to clean up."""
            self.scripts.pop(0)
            try:
                yield None
            finally:
                raise RuntimeError("cannot close")

    bench = Bench(Stuck([]))
    await bench.run()

    assert "sent None" in bench.errors[0]
    assert "cannot close" in caplog.text


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_stray_cancellation_is_a_failure() -> None:
    """A CancelledError that comes out of the source itself does not end the supervision."""
    bench = Bench(Scripted([asyncio.CancelledError()], [[A]]))
    await bench.run()

    assert ["the source scripted was cancelled from inside"] == bench.errors
    assert [(A,)] == bench.published


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancellation_by_asyncio_ends_it() -> None:
    """`Task.cancel` is a cancellation, though no scope of anyio knows of it."""
    bench = Bench(Scripted([[A], FOREVER]))
    task = asyncio.ensure_future(bench.supervisor.run())
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [(A,)] == bench.published
    assert [] == bench.events
    assert 1 == bench.source.closed


async def test_trio_cancels_for_real_only(anyio_backend_name: str) -> None:
    """Only asyncio lets a library raise a cancellation that nobody asked for."""
    from meshlib.discovery import _supervisor as module

    assert (anyio_backend_name == "trio") is module._is_cancelled()


async def test_long_list_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints that were in the last list are not parsed again."""
    from meshlib.discovery import _supervisor as module

    parsed: list[Endpoint] = []
    parse = module.parse_endpoint
    monkeypatch.setattr(
        module, "parse_endpoint", lambda endpoint: parsed.append(endpoint) or parse(endpoint)
    )
    copies = [Endpoint(A.url), Endpoint(B.url)]
    bench = Bench(Scripted([[A], copies]))
    await bench.run()

    assert [A, B] == parsed


def test_logger_is_the_one_of_the_library() -> None:
    """Messages go to one logger, which an application configures."""
    from meshlib.discovery import _supervisor as module

    assert logging.getLogger("meshlib") is module._LOGGER
