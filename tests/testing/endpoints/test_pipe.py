"""The connection in memory: bounds, ends, and who is woken."""

from __future__ import annotations

import pytest

from meshlib.testing.inprocess._pipe import Channel, End


class Rung:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.times = 0

    def ring(self) -> None:
        """Count it."""
        self.times += 1


def put(channel: Channel, data: bytes, waker: Rung | None = None) -> int:
    """Write *data* as far as it goes."""
    return channel.put(memoryview(data), waker)


def test_a_channel_holds_no_more_than_its_limit() -> None:
    """What finds no room stays with its writer, who is woken when there is room again."""
    channel, waker = Channel(4), Rung()
    assert 3 == put(channel, b"abc")
    assert 1 == put(channel, b"def")
    assert 0 == put(channel, b"ef", waker)
    assert b"ab" == channel.take(2)
    assert 1 == waker.times
    assert 2 == put(channel, b"ef")
    assert b"cdef" == channel.take(10)
    assert 1 == waker.times


def test_a_reader_is_woken_once() -> None:
    """Who finds nothing is told when there is something, unless it was forgotten."""
    channel, waiting, gone = Channel(), Rung(), Rung()
    assert channel.take(1, waiting) is None
    assert channel.take(1, gone) is None
    channel.forget(gone)
    channel.forget(gone)
    put(channel, b"a")
    put(channel, b"b")
    assert (1, 0) == (waiting.times, gone.times)


def test_an_ended_channel_is_read_to_its_end() -> None:
    """Nothing that was written is lost, and nothing can be written any more."""
    channel, end = Channel(), Rung()
    channel.on_end = end
    put(channel, b"last")
    channel.end()
    assert 1 == end.times
    assert [b"last", b""] == [channel.take(9), channel.take(9)]
    with pytest.raises(BrokenPipeError):
        put(channel, b"more")


def test_a_dropped_channel_refuses_and_an_ignored_one_swallows() -> None:
    """A reader that has left is an error to the writer; one that does not care is none."""
    dropped, ignored = Channel(2), Channel(2)
    put(dropped, b"ab")
    waker = Rung()
    assert 0 == put(dropped, b"c", waker)
    dropped.drop()
    assert 1 == waker.times
    with pytest.raises(BrokenPipeError):
        put(dropped, b"c")
    ignored.ignore()
    assert 9 == put(ignored, b"123456789")
    assert b"" == ignored.take(1)


def test_closing_one_end_is_seen_at_the_other() -> None:
    """What was written before still arrives."""
    here, there = End.pair()
    put(here.outgoing, b"bye")
    assert not there.left
    here.close()
    here.close()
    assert there.left
    assert [b"bye", b""] == [there.incoming.take(9), there.incoming.take(9)]
