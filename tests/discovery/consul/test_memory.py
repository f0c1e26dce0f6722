"""Only what has changed is decoded, and nothing is mistaken for what it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.consul._memory import Memory, pieces


def sent(*records: Any) -> bytes:
    """An answer as Go writes it."""
    return json.dumps(records, separators=(",", ":"), ensure_ascii=False).encode()


def record(number: Any) -> dict[str, Any]:
    """A record, by what tells it from others."""
    return {"Node": {"ID": number}, "Checks": [{"Node": "n1"}, {"Node": "n2"}]}


class Judge:
    """Says which records it had to look at."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, found: Any) -> Any:
        """The number of the record."""
        self.seen.append(found["Node"]["ID"])
        return found["Node"]["ID"]


def test_only_new_records_are_judged() -> None:
    """What was in the last answer is known, wherever it stands; what was not is forgotten."""
    judge = Judge()
    memory = Memory(judge)
    assert [1, 2, 3] == list(memory.results(sent(record(1), record(2), record(3))))
    assert [3, 4, 1] == list(memory.results(sent(record(3), record(4), record(1))))
    assert [1, 2, 3, 4] == judge.seen
    assert [2] == list(memory.results(sent(record(2))))
    assert [1, 2, 3, 4, 2] == judge.seen


def test_none_is_remembered() -> None:
    """A record of which nothing came need not be looked at twice either."""
    seen: list[Any] = []
    memory: Memory[None] = Memory(seen.append)
    for _ in range(2):
        assert [None] == list(memory.results(sent(record(1))))
    assert [record(1)] == seen


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[1]",
        b'[{"Node":{}}',
        b'[ {"Node":{}}]',
        b'[{"Node":{}},1]'.replace(b"1", b"]"),
        b'[{"Node":{},"Nested":[1,{"Node":{}}]}]',
        b'[{"Node":{}}}]',
    ],
)
def test_what_cannot_be_cut(content: bytes) -> None:
    """It is said, and decoded as a whole then."""
    with pytest.raises(ValueError, match=r".*"):
        list(Memory(lambda found: found).results(content))


TEXT = st.text() | st.sampled_from([',{"Node":{', '"},{"Node":{"', "\\", '\\"'])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3)
        | st.builds(lambda one: {"Node": {"a": one}}, inner)
    ),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=5))
def test_what_is_cut_is_the_same(records: list[Any]) -> None:
    """Whatever is in an answer, its pieces are its elements, or one of them is no JSON."""
    try:
        found = [json.loads(piece) for piece in pieces(sent(*records))]
    except ValueError:
        return
    assert records == found


@given(st.binary())
def test_what_is_cut_is_an_array(tail: bytes) -> None:
    """Pieces that are JSON are never those of something that is none."""
    content = b'[{"Node":{}},{"Node":{}' + tail + b"]"
    try:
        found = [json.loads(piece) for piece in pieces(content)]
    except ValueError:
        return
    assert json.loads(content) == found
