"""Several sources together."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery import StaticDiscovery, check_discovery, make_discovery
from meshlib.discovery._snapshot import Snapshot
from meshlib.discovery.composition import UnionDiscovery
from support.steered import Reader, Steered, Time, settle

A, B, C = (Endpoint(f"http://{name}:1") for name in "abc")


@pytest.fixture
def time() -> Time:
    """Virtual time."""
    return Time()


def union(time: Time, *sources: Any, **settings: Any) -> UnionDiscovery:
    """A union in virtual time."""
    return UnionDiscovery(sources, _timing=time.timing, **settings)


async def test_endpoints_of_all_sources_are_merged(time: Time) -> None:
    """The list has the endpoints of each source, and follows the changes of each."""
    one, two = Steered("one", [A]), Steered("two", [B])
    async with Reader(union(time, one, two).watch("users")) as reader:
        two.say([B, C])
        await settle()
        one.say([])
        await settle()

    assert [(A, B), (A, B, C), (B, C)] == reader.lists


async def test_first_source_wins_for_an_address(time: Time) -> None:
    """Of two endpoints with one address, however it is spelt, the first source's counts."""
    heavy = Endpoint("http://A:80", weight=7.0)
    one, two = Steered("one", [heavy]), Steered("two", [Endpoint("http://a"), B])
    async with Reader(union(time, one, two).watch("users")) as reader:
        assert [(heavy, B)] == reader.lists
        one.say([])
        await settle()
        assert (Endpoint("http://a"), B) == reader.lists[-1]


async def test_nothing_is_sent_before_every_source_was_heard(time: Time) -> None:
    """A first list with half of the endpoints would aim all calls at them."""
    one, two = Steered("one", [A]), Steered("two")
    async with Reader(union(time, one, two).watch("users")) as reader:
        await time.advance(1.9)
        assert [] == reader.lists
        two.say([B])
        await settle()
        assert [(A, B)] == reader.lists


async def test_thousands_are_merged(time: Time) -> None:
    """In pieces, between which others get a turn."""
    many = [Endpoint(f"http://10.0.{n // 250}.{n % 250}:1") for n in range(2000)]
    async with Reader(
        union(time, Steered("one", many[:1500]), Steered("two", many[500:])).watch("users")
    ) as reader:
        await time.advance(0.1)
        assert [many] == [list(endpoints) for endpoints in reader.lists]


async def test_silent_source_is_waited_for_no_longer_than_allowed(time: Time) -> None:
    """After *wait* the others are enough; what the silent one says later is added."""
    one, two = Steered("one"), Steered("two")
    async with Reader(union(time, one, two, wait="3s").watch("users")) as reader:
        await time.advance(60)
        assert [] == reader.lists
        one.say([A])
        await time.advance(2.9)
        assert [] == reader.lists
        await time.advance(0.2)
        assert [(A,)] == reader.lists
        two.say([B])
        await settle()
        assert [(A,), (A, B)] == reader.lists


async def test_no_waiting_at_all_may_be_asked_for(time: Time) -> None:
    """With 0 s the first answer is sent at once."""
    async with Reader(union(time, Steered("one", [A]), Steered("two"), wait=0).watch("x")) as r:
        assert [(A,)] == r.lists


async def test_source_that_fails_keeps_its_endpoints(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """Others go on meanwhile, the lists carry the error, and it is tried again."""
    one, two = Steered("one", [A]), Steered("two", [B])
    error = OSError("gone")
    with caplog.at_level(logging.INFO, "meshlib"):
        async with Reader(union(time, one, two).watch("users")) as reader:
            assert reader.lists[-1].error is None
            two.say(error)
            await settle()
            assert (A, B) == reader.lists[-1]
            assert error is reader.lists[-1].error
            one.say([A, C])
            await settle()
            assert (A, C, B) == reader.lists[-1]
            assert error is reader.lists[-1].error
            two.say([])
            await time.advance(1.0)
            assert (A, C) == reader.lists[-1]
            assert reader.lists[-1].error is None
            assert 2 == two.watches
    assert [
        "two of the union for users fails, its last endpoints stay: gone",
        "two of the union for users answers again",
    ] == [record.getMessage() for record in caplog.records]


async def test_age_is_that_of_the_youngest_source(time: Time) -> None:
    """0 while one of them lives, which is right as long as it says nothing else."""
    one, two = Steered("one", [A]), Steered("two", [B])
    async with Reader(union(time, one, two).watch("users")) as reader:
        await time.advance(100)
        two.say(OSError("gone"))
        await settle()
        assert 0.0 == reader.lists[-1].age
        assert reader.lists[-1].error is not None


async def test_age_is_told_when_no_source_lives(time: Time) -> None:
    """As when all that there is comes from disks."""
    one, two = Steered("one", Snapshot([A], age=50.0)), Steered("two", Snapshot([B], age=70.0))
    async with Reader(union(time, one, two).watch("users")) as reader:
        assert [50.0] == [one.age for one in reader.lists]
        await time.advance(5)
        two.say(Snapshot([B, C], age=60.0))
        await settle()
        assert 55.0 == reader.lists[-1].age
        two.say([B])
        await settle()
        assert 0.0 == reader.lists[-1].age


async def test_failed_first_answer_does_not_hold_the_others(time: Time) -> None:
    """A source that fails from the beginning has been heard."""
    error = OSError("refused")
    async with Reader(union(time, Steered("one", error), Steered("two", [B])).watch("x")) as reader:
        assert [(B,)] == reader.lists
        assert error is reader.lists[0].error


async def test_union_fails_when_every_source_does(time: Time) -> None:
    """Nobody knows anything new: that is a failure, and names each reason."""
    one, two = Steered("one", [A]), Steered("two", OSError("refused"))
    async with Reader(union(time, one, two).watch("users")) as reader:
        one.say(OSError("reset"))
        await settle()

    assert isinstance(reader.error, DiscoveryError)
    assert "one: reset; two: refused" in str(reader.error)
    assert ("users", "union") == (reader.error.service, reader.error.source)
    assert "reset" == str(reader.error.__cause__)
    assert (0, 0) == (one.open, two.open)


async def test_last_endpoints_outlive_a_failure_of_all(time: Time) -> None:
    """When the union is asked again and only one source is back, the other keeps its own."""
    one, two = Steered("one", [A]), Steered("two", [B])
    both = union(time, one, two)
    async with Reader(both.watch("users")) as reader:
        one.say(OSError("reset"))
        two.say(OSError("reset"))
        await settle()
        assert isinstance(reader.error, DiscoveryError)

    one.say([C])
    two.say(OSError("refused"))
    async with Reader(both.watch("users")) as reader:
        assert [(C, B)] == reader.lists
    one.say([C])
    two.say(OSError("refused"))
    async with Reader(both.watch("orders")) as reader:
        assert [(C,)] == reader.lists


async def test_closing_it_closes_its_sources(time: Time) -> None:
    """Whether it waits for the first list or stands at a later one."""
    for steps in ([], [[A]]):
        one, two = Steered("one", *steps), Steered("two", *steps)
        snapshots: Any = union(time, one, two).watch("users")
        if steps:
            assert (A,) == await anext(snapshots)
            await snapshots.aclose()
        else:
            with anyio.move_on_after(0.01):
                await anext(snapshots)
        assert (1, 1) == (one.watches, two.watches)
        assert (0, 0) == (one.open, two.open)


async def test_consumer_may_open_scopes_between_lists(time: Time) -> None:
    """Nothing of the union is on the consumer's stack of scopes while it has the turn."""
    one, two = Steered("one", [A], [B]), Steered("two", [C])
    snapshots: Any = union(time, one, two).watch("users")
    async with anyio.create_task_group():
        await anext(snapshots)
    with anyio.CancelScope():
        one.say([A])
        await anext(snapshots)
        with anyio.move_on_after(5, shield=True):
            await snapshots.aclose()
    assert (0, 0) == (one.open, two.open)


async def test_garbage_of_one_source_is_its_failure(time: Time) -> None:
    """What is no list of endpoints reaches nobody."""
    one, two = Steered("one", "http://a"), Steered("two", [B])
    async with Reader(union(time, one, two).watch("users")) as reader:
        assert [(B,)] == reader.lists
        assert "in place of a list" in str(reader.lists[0].error)


async def test_source_that_is_no_generator_is_its_failure(time: Time) -> None:
    """A coroutine in place of a generator is told as such, and is closed."""

    class Wrong:
        async def watch(self, service: str) -> Any:
            return [A]

    async with Reader(union(time, Wrong(), Steered("two", [B])).watch("users")) as reader:
        assert [(B,)] == reader.lists
        assert "no async generator" in str(reader.lists[0].error)


async def test_iterator_without_close_will_do(time: Time) -> None:
    """A source need not be written with `yield`."""

    class Once:
        def __init__(self) -> None:
            self.lists = [[A]]

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> Any:
            if not self.lists:
                raise StopAsyncIteration
            return self.lists.pop()

    class Source:
        def watch(self, service: str) -> Once:
            return Once()

    async with Reader(union(time, Source()).watch("users")) as reader:
        assert [(A,)] == reader.lists
        await time.advance(5)
        assert {(A,)} == set(reader.lists)


def test_document_makes_it() -> None:
    """Sources are nested as deeply as one likes."""
    static = {"static": {"endpoints": {"users": ["http://a:1"]}}}
    made = make_discovery({"union": {"sources": [static, {"union": {"sources": ["env"]}}]}})

    assert isinstance(made, UnionDiscovery)
    assert isinstance(made._sources[0], StaticDiscovery)
    assert isinstance(made._sources[1], UnionDiscovery)


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ({"sources": ["env", {"file": {"pth": "x"}}]}, "sources[1].file.pth", "'path'"),
        ({"sources": [{"union": {"sources": ["evn"]}}]}, "sources[0].union.sources[0]", "'env'"),
        ({"sources": []}, "sources", "a list of sources"),
        ({"sources": "env"}, "sources", "a list of sources"),
        ({"sources": {"env": {}}}, "sources", "a list of sources"),
        ({}, "sources", "needed"),
        ({"source": ["env"]}, "source", "did you mean 'sources'?"),
    ],
)
def test_wrong_document_is_known_before_anything_is_made(
    settings: Any, path: str, message: str
) -> None:
    """The place of the error is told, however deep it stands."""
    for function in (check_discovery, make_discovery):
        with pytest.raises(ConfigurationError) as caught:
            function({"union": settings}, "discovery")
        assert f"discovery.union.{path}" == caught.value.path
        assert message in str(caught.value)


def test_error_of_making_a_nested_source_names_its_place() -> None:
    """What only the source itself can see is placed as well."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery({"union": {"sources": ["env", {"file": {"path": 3}}]}})
    assert "discovery.union.sources[1].file.path" == caught.value.path
