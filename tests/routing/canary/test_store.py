"""How a record is changed in a store."""

from __future__ import annotations

import pytest

from meshlib import ConfigurationError
from meshlib.config.store import MemoryStore, StoreKey
from meshlib.routing.canary import (
    CanaryOptions,
    CanaryRecord,
    Stored,
    Version,
    advance,
    exchange,
    format_record,
    parse_record,
)

OPTIONS = CanaryOptions()


def begin(record: CanaryRecord | None) -> CanaryRecord | None:
    """Begin a rollout."""
    return advance(record, OPTIONS, "v2", 0.0, "a")


def memory() -> StoreKey:
    """A key of a store of its own."""
    return StoreKey(MemoryStore(), "canary")


class Busy(StoreKey):
    """Someone else writes just before each of the first *times* writes."""

    def __init__(self, times: int) -> None:
        super().__init__(MemoryStore(), "canary")
        self.times = times

    async def compare_and_set(self, content: bytes, version: Version | None) -> bool:
        """Refuse, since the version is no longer that."""
        if self.times:
            self.times -= 1
            now = await self.get()
            other = CanaryRecord(generation=100 + self.times)
            await super().compare_and_set(
                format_record(other), None if now is None else now.version
            )
        return await super().compare_and_set(content, version)


async def test_a_change_is_written() -> None:
    """And what was written is what is returned."""
    store = memory()
    record, written = await exchange(store, begin)
    assert written
    stored = await store.get()
    assert stored is not None
    assert record == parse_record(stored.content)


async def test_no_change_writes_nothing() -> None:
    """The record as it is comes back."""
    store = memory()
    assert (None, False) == await exchange(store, lambda record: None)
    begun, _ = await exchange(store, begin)
    assert (begun, False) == await exchange(store, begin)


async def test_a_change_is_made_anew_when_another_came_first() -> None:
    """From what the other one wrote."""
    record, written = await exchange(Busy(2), begin)
    assert written
    assert record is not None
    assert 101 == record.generation


async def test_it_gives_up_where_too_many_write() -> None:
    """The change was not made, and the caller is told."""
    record, written = await exchange(Busy(99), begin, attempts=3)
    assert not written
    assert record is not None


async def test_what_is_no_record_is_not_overwritten() -> None:
    """A wrong key must not lose what somebody else keeps there."""
    store = memory()
    await store.compare_and_set(b"precious", None)
    with pytest.raises(ConfigurationError):
        await exchange(store, begin)
    assert Stored(b"precious", 1) == await store.get()
