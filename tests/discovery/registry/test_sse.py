"""Server-sent events, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.registry._sse import Event, EventDecoder


def decode(*chunks: bytes) -> list[Event | None]:
    """What the chunks complete."""
    decoder = EventDecoder()
    return [found for chunk in chunks for found in decoder.feed(chunk)]


def test_an_event_has_a_kind_an_id_and_data() -> None:
    """Lines of data are joined, and one space after the colon is left out."""
    assert [Event("instances", "7", "a\n b\n")] == decode(
        b"id: 7\nevent:instances\ndata: a\ndata:  b\ndata\n\n"
    )


def test_an_id_stays_and_a_kind_does_not() -> None:
    """As the standard has it."""
    assert [Event("x", "7", "1"), Event("message", "7", "2"), Event("message", "", "3")] == decode(
        b"id: 7\nevent: x\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\n"
    )


def test_what_has_no_data_is_no_event() -> None:
    """A comment is told as a sign of life; an empty block is nothing, and drops its kind."""
    assert [None, Event("message", "7", "1")] == decode(
        b"retry: 1000\n: alive\n\nevent: x\nid: 7\n\ndata: 1\n\n"
    )


def test_an_id_with_a_null_is_passed_over() -> None:
    """As the standard has it."""
    assert [Event("message", "7", "1")] == decode(b"id: 7\nid: 8\0\ndata: 1\n\n")


def test_a_cut_event_is_dropped() -> None:
    """What the end of the stream cuts off was not meant to be read."""
    assert [] == decode(b"data: 1\n", b"data: 2")


def test_a_byte_order_mark_is_passed_over() -> None:
    """At the very beginning only."""
    assert [Event("message", "", "1")] == decode(b"\xef", b"\xbb\xbfdata: 1\n\n")


def test_a_cut_line_end_is_one_line_end() -> None:
    """CR and LF in two chunks end one line, not two; the CR alone has ended it already."""
    assert [Event("message", "", "1\n2")] == decode(b"data: 1\r", b"\n", b"data: 2\r\n\r", b"\n")


def test_an_event_without_an_end_is_refused() -> None:
    """A server that never ends its line cannot fill the memory."""
    decoder = EventDecoder(limit=100)
    for _ in range(3):
        assert [Event("message", "", "x" * 60)] == decoder.feed(b"data: " + b"x" * 60 + b"\n\n")
    assert [] == decoder.feed(b"data: " + b"x" * 90)
    with pytest.raises(ValueError, match="100 bytes"):
        decoder.feed(b"xxxxx")


_LINES = st.lists(
    st.sampled_from(["data: a", "data:", "data: é☃", "event: x", "id: 1", ": c", "", "zz: 1"])
)


@given(_LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_chunks_make_no_difference(lines: list[str], end: str, data: st.DataObject) -> None:
    """Any way to cut the stream, in the middle of a letter or a line end, gives the same."""
    whole = "".join(line + end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert decode(whole) == decode(*pieces)
    assert decode(*pieces) == decode(*(whole[n : n + 1] for n in range(len(whole))))


@given(st.lists(st.binary()))
def test_any_bytes_are_decoded(chunks: list[bytes]) -> None:
    """Garbage makes events of garbage, and no error."""
    decode(*chunks)
