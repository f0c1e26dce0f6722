"""The index of blocking queries, by the rules of Consul's documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.consul._index import Cursor


def after(*answers: tuple[str | None, bool]) -> Cursor:
    """A cursor that has taken *answers*: their index, and whether they were early."""
    cursor = Cursor()
    for header, early in answers:
        cursor.advance(header, early=early)
    return cursor


def test_begins_without_waiting() -> None:
    """The first query is answered at once."""
    assert (0, True) == (Cursor().index, Cursor().known)


def test_follows_an_index_that_rises() -> None:
    """Each query waits for what comes after the last answer."""
    assert 9 == after(("7", True), ("9", True)).index


def test_begins_again_when_the_index_falls() -> None:
    """A lower index is of other data, so the next answer is asked for at once."""
    cursor = after(("9", True), ("8", True))
    assert 0 == cursor.index
    cursor.advance("8", early=True)
    assert 8 == cursor.index


@pytest.mark.parametrize("headers", [["0"], ["5", "0", "0"]])
def test_is_never_below_one_when_it_waits(headers: list[str]) -> None:
    """An index of 0, which Consul sends in error, would not wait at all."""
    assert 1 == after(*((header, True) for header in headers)).index


def test_keeps_the_index_when_nothing_came() -> None:
    """A query that waited in vain is repeated as it was."""
    assert 7 == after(("7", True), ("7", False)).index


def test_begins_again_when_an_answer_came_too_soon() -> None:
    """An early answer without a change is that of a server whose data has been replaced."""
    assert 0 == after(("7", True), ("7", True)).index


@pytest.mark.parametrize("header", [None, "", "x", "-1", "1.5", "٣", "9" * 21])
def test_knows_no_index_from_garbage(header: str | None) -> None:
    """What is no index cannot be waited on; a later answer may have one."""
    cursor = after(("7", True), (header, True))
    assert (0, False) == (cursor.index, cursor.known)
    cursor.advance("8", early=True)
    assert (8, True) == (cursor.index, cursor.known)


def test_reset_begins_again() -> None:
    """Whoever has a reason has the next query answered at once."""
    cursor = after(("7", True))
    cursor.reset()
    assert 0 == cursor.index


@given(st.lists(st.tuples(st.none() | st.text() | st.integers().map(str), st.booleans())))
def test_never_waits_on_what_was_not_sent(answers: list[tuple[str | None, bool]]) -> None:
    """Whatever comes, the index is 0, 1 or that of the last answer."""
    cursor = after(*answers)
    last = answers[-1][0] if answers else None
    assert cursor.index in {0, 1, int(last) if last and last.isdecimal() else 0}
