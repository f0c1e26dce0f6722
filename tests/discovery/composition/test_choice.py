"""Which source a fallback uses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib.discovery.composition._choice import Choice, Rules, choose

SOME = (Endpoint("http://a:1"),)
NOW = 1000.0
RULES = Rules(wait=2.0, hold=5.0, accept_empty=False)


@dataclass
class Seen:
    """What is known of one source."""

    started_at: float | None = 900.0
    endpoints: tuple[Endpoint, ...] | None = SOME
    failing_since: float | None = None


GOOD = Seen()
NEW = Seen(started_at=None, endpoints=None)
EMPTY = Seen(endpoints=())
ASKED = Seen(started_at=999.0, endpoints=None)
SILENT = Seen(endpoints=None)
REFUSED = Seen(endpoints=None, failing_since=999.5)
SHAKY = Seen(failing_since=998.0)
GONE = Seen(failing_since=995.0)
EMPTY_SHAKY = Seen(endpoints=(), failing_since=998.0)


@pytest.mark.parametrize(
    ("sources", "choice"),
    [
        ([NEW, NEW], Choice(asked=1)),
        ([ASKED, NEW], Choice(asked=1, due=1.0)),
        ([SILENT, NEW], Choice(asked=2)),
        ([SILENT, ASKED], Choice(asked=2, due=1.0)),
        ([SILENT, GOOD], Choice(index=1, asked=2)),
        ([SILENT, REFUSED], Choice(asked=2)),
        ([SILENT, EMPTY], Choice(asked=2)),
        ([GOOD, NEW], Choice(index=0, asked=1)),
        ([GOOD, GOOD], Choice(index=0, asked=1)),
        ([EMPTY, NEW], Choice(asked=2)),
        ([EMPTY, GOOD], Choice(index=1, asked=2)),
        ([EMPTY, EMPTY], Choice(index=0, asked=2)),
        ([EMPTY, REFUSED], Choice(asked=2, fails=True)),
        ([REFUSED, EMPTY], Choice(asked=2, fails=True)),
        ([REFUSED, NEW], Choice(asked=2)),
        ([REFUSED, GOOD, NEW], Choice(index=1, asked=2)),
        ([REFUSED, REFUSED], Choice(asked=2, fails=True)),
        ([SHAKY, GOOD], Choice(index=0, asked=1, due=3.0)),
        ([GONE, GOOD], Choice(index=1, asked=2)),
        ([GONE, SHAKY], Choice(index=1, asked=2, due=3.0)),
        ([EMPTY_SHAKY, ASKED], Choice(asked=2, due=1.0)),
        ([EMPTY_SHAKY, GOOD], Choice(index=1, asked=2, due=3.0)),
        ([EMPTY_SHAKY, EMPTY], Choice(index=0, asked=2, due=3.0)),
    ],
)
def test_first_that_knows_is_chosen(sources: list[Seen], choice: Choice) -> None:
    """Each state of a source before it is one that leads to the next, or is waited for."""
    assert choice == choose(sources, NOW, RULES)


@pytest.mark.parametrize(
    ("sources", "choice"),
    [
        ([EMPTY, GOOD], Choice(index=0, asked=1)),
        ([EMPTY_SHAKY, GOOD], Choice(index=0, asked=1, due=3.0)),
        ([REFUSED, EMPTY], Choice(index=1, asked=2)),
        ([GONE, REFUSED], Choice(asked=2, fails=True)),
    ],
)
def test_empty_list_is_an_answer_where_it_is_accepted(sources: list[Seen], choice: Choice) -> None:
    """Then only a failure leads to the next source."""
    assert choice == choose(sources, NOW, Rules(wait=2.0, hold=5.0, accept_empty=True))


def test_failing_source_is_left_at_once_without_a_hold() -> None:
    """A hold of 0 s holds nothing."""
    rules = Rules(wait=0.0, hold=0.0, accept_empty=False)
    assert Choice(index=1, asked=2) == choose([Seen(failing_since=NOW), GOOD], NOW, rules)


instants = st.floats(NOW - 20, NOW)
sources = st.builds(
    Seen,
    started_at=st.none() | instants,
    endpoints=st.sampled_from([None, (), SOME]),
    failing_since=st.none() | instants,
)


@given(st.lists(sources, min_size=1, max_size=4), st.booleans())
def test_choice_is_never_at_a_loss(seen: list[Seen], accept_empty: bool) -> None:
    """It uses a source that has answered, or starts one, or waits for one, or fails."""
    choice = choose(seen, NOW, Rules(wait=2.0, hold=5.0, accept_empty=accept_empty))

    assert 1 <= choice.asked <= len(seen)
    assert choice.due is None or 0 < choice.due <= 5.0
    if choice.index is not None:
        assert seen[choice.index].endpoints is not None
        assert not choice.fails
    elif choice.fails:
        assert any(one.failing_since is not None for one in seen)
    else:
        assert any(
            one.started_at is None or one.failing_since is None for one in seen[: choice.asked]
        )
