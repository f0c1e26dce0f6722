"""The first source that knows."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery import Supervisor, check_discovery, make_discovery
from meshlib.discovery._snapshot import Snapshot
from meshlib.discovery.composition import FallbackDiscovery
from support.steered import Reader, Steered, Time, settle

A, B, C = (Endpoint(f"http://{name}:1") for name in "abc")


@pytest.fixture
def time() -> Time:
    """Virtual time."""
    return Time()


def fallback(time: Time, *sources: Any, **settings: Any) -> FallbackDiscovery:
    """A fallback in virtual time."""
    return FallbackDiscovery(sources, _timing=time.timing, **settings)


async def test_first_source_is_used_and_no_other_asked(time: Time) -> None:
    """A source that is not needed costs nothing."""
    one, two = Steered("one", [A]), Steered("two", [B])
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        one.say([A, C])
        await settle()
        await time.advance(60)

    assert [(A,), (A, C)] == reader.lists
    assert 0 == two.watches
    assert 0 == one.open


async def test_next_source_is_used_when_the_first_fails_from_the_start(time: Time) -> None:
    """The list carries the error, so that nobody takes it for the first source's."""
    error = OSError("refused")
    async with Reader(fallback(time, Steered("one", error), Steered("two", [B])).watch("x")) as r:
        assert [(B,)] == r.lists
        assert error is r.lists[0].error


async def test_first_source_is_tried_again_and_used_again(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked again after a pause; once it answers the other one is asked no more."""
    one, two = Steered("one", OSError("refused"), OSError("reset"), [A]), Steered("two", [B])
    with caplog.at_level(logging.INFO, "meshlib"):
        async with Reader(fallback(time, one, two).watch("users")) as reader:
            assert [(B,)] == reader.lists
            await time.advance(1.0)
            assert (2, 1) == (one.watches, two.open)
            assert "reset" == str(reader.lists[-1].error)
            await time.advance(2.0)
            assert (A,) == reader.lists[-1]
            assert reader.lists[-1].error is None
            assert (3, 0) == (one.watches, two.open)
            one.say(OSError("gone"))
            two.say([C])
            await time.advance(5.1)
            assert (C,) == reader.lists[-1]
    assert [
        "the endpoints of users now come from two: refused",
        "the endpoints of users now come from one",
        "the endpoints of users now come from two: gone",
    ] == [record.getMessage() for record in caplog.records]
    levels = [record.levelname for record in caplog.records]
    assert ["WARNING", "INFO", "WARNING"] == levels


async def test_short_interruption_changes_nothing(time: Time) -> None:
    """The last endpoints stay in force for a while, and no other source is asked."""
    one, two = Steered("one", [A]), Steered("two", [B])
    error = OSError("restarting")
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        await time.advance(60)
        one.say(error)
        await settle()
        assert (error, 0.0) == (reader.lists[-1].error, reader.lists[-1].age)
        one.say(OSError("still"))
        await time.advance(1.0)
        assert 0.5 < reader.lists[-1].age <= 1.0
        one.say([A])
        await time.advance(4.0)
        assert {(A,)} == set(reader.lists)
        assert reader.lists[-1].error is None
        assert 0 == two.watches
        await time.advance(60)
        assert 0 == two.watches


async def test_long_failure_leads_to_the_next_source(time: Time) -> None:
    """When *hold* is over the next one is asked, and the old list stays until it answers."""
    one, two = Steered("one", [A]), Steered("two")
    async with Reader(fallback(time, one, two, hold="10s").watch("users")) as reader:
        one.say(OSError("gone"))
        await time.advance(9.9)
        assert 0 == two.watches
        await time.advance(0.2)
        assert 1 == two.watches
        assert {(A,)} == set(reader.lists)
        two.say([B])
        await settle()
        assert (B,) == reader.lists[-1]


async def test_silent_source_is_passed_over(time: Time) -> None:
    """After *wait* the next is asked as well; the silent one is used when it speaks."""
    one, two = Steered("one"), Steered("two", [B])
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        await time.advance(1.9)
        assert ([], 0) == (reader.lists, two.watches)
        await time.advance(0.2)
        assert [(B,)] == reader.lists
        one.say([A])
        await settle()
        assert [(B,), (A,)] == reader.lists
        assert (1, 0) == (one.open, two.open)


async def test_empty_list_leads_to_the_next_source(time: Time) -> None:
    """And back, when there are endpoints again."""
    one, two = Steered("one", []), Steered("two", [B])
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        assert [(B,)] == reader.lists
        one.say([A])
        await settle()
        one.say([])
        two.say([C])
        await settle()
    assert [(B,), (A,), (C,)] == reader.lists


async def test_empty_list_is_an_answer_where_it_is_accepted(time: Time) -> None:
    """With *accept_empty* only a failure leads on."""
    one, two = Steered("one", []), Steered("two", [B])
    async with Reader(fallback(time, one, two, accept_empty=True).watch("users")) as reader:
        assert [()] == reader.lists
        assert 0 == two.watches


async def test_empty_when_every_source_says_so(time: Time) -> None:
    """Then that is known."""
    one, two = Steered("one", []), Steered("two", [])
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        assert [()] == reader.lists
        assert reader.error is None
        two.say([B])
        await settle()
        assert [(), (B,)] == reader.lists


@pytest.mark.parametrize("last", [OSError("reset"), []])
async def test_fails_when_nobody_knows(time: Time, last: Any) -> None:
    """An empty list of the last one does not say what the first one would."""
    one, two = Steered("one", OSError("refused")), Steered("two", last)
    async with Reader(fallback(time, one, two).watch("users")) as reader:
        pass
    assert [] == reader.lists
    assert isinstance(reader.error, DiscoveryError)
    assert f"one: refused; two: {'reset' if last else 'no endpoints'}" in str(reader.error)
    assert ("users", "fallback") == (reader.error.service, reader.error.source)
    assert "refused" == str(reader.error.__cause__)
    assert (0, 0) == (one.open, two.open)


async def test_old_snapshot_sent_at_each_try_is_no_answer(time: Time) -> None:
    """A source that has only its disk to speak from does not come back again and again."""

    class Disk:
        name = "disk"

        async def watch(self, service: str) -> Any:
            yield Snapshot([A], age=time.now)
            raise OSError("refused")

    async with Reader(fallback(time, Disk(), Steered("two", [B])).watch("users")) as reader:
        assert (A,) == reader.lists[-1]
        assert 1000.0 == reader.lists[0].age
        await time.advance(5.1)
        assert (B,) == reader.lists[-1]
        await time.advance(120)
        changes = [a for a, b in zip(reader.lists, reader.lists[1:], strict=False) if a != b]
        assert [(A,)] == changes
        assert reader.lists[-1].error is not None


async def test_supervisor_publishes_what_it_sends(time: Time) -> None:
    """It is a source as any other: in a mesh, a supervisor runs it, and ends it."""
    published: list[Any] = []
    one, two = Steered("one", OSError("refused")), Steered("two", [B])
    source = fallback(time, one, two)
    supervisor = Supervisor(
        source, "users", published.append, lambda event: None, timing=time.timing
    )
    async with anyio.create_task_group() as group:
        group.start_soon(supervisor.run)
        await settle()
        group.cancel_scope.cancel()
    assert [(B,)] == published
    assert (0, 0) == (one.open, two.open)


def test_document_makes_it() -> None:
    """With durations as everywhere."""
    spec = {"fallback": {"sources": ["env", {"static": {"endpoints": {}}}], "hold": "1m"}}
    check_discovery(spec)
    made = make_discovery(spec)
    assert isinstance(made, FallbackDiscovery)
    assert 60.0 == made._rules.hold


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"sources": ["env"], "hold": "soon"}, "hold"),
        ({"sources": ["env"], "wait": -1}, "wait"),
        ({"sources": ["env"], "accept_empty": "yes"}, "accept_empty"),
    ],
)
def test_wrong_setting_is_named(settings: Any, path: str) -> None:
    """Each with its place."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery({"fallback": settings})
    assert f"discovery.fallback.{path}" == caught.value.path


def test_nested_sources_are_checked() -> None:
    """A document is refused before anything is made of it."""
    with pytest.raises(ConfigurationError) as caught:
        check_discovery({"fallback": {"sources": ["env", "fiel"]}})
    assert "discovery.fallback.sources[1]" == caught.value.path
