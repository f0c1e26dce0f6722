"""When another token is needed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.security.tokens import Token, TokenKeeper
from support import FakeClock


class Waiter:
    """Notes whether it was let go on."""

    def __init__(self) -> None:
        self.went_on = False

    def set(self) -> None:
        """Go on."""
        self.went_on = True


class Kept:
    """A keeper with a clock that stands still; *woken* counts the calls for a token."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = FakeClock()
        self.woken = 0
        self.keeper = TokenKeeper(self.clock, random.Random(seed), self.wake)

    def wake(self) -> None:
        """Count."""
        self.woken += 1


def test_a_first_call_waits_and_wakes_who_asks() -> None:
    """Until the attempt has ended, well or badly."""
    kept, one, two = Kept(), Waiter(), Waiter()
    assert kept.keeper.wait_ready(one)
    assert kept.keeper.wait_ready(two)
    kept.keeper.stop_waiting(two)
    assert kept.woken == 2
    kept.keeper.took(Token("x", 100.0))
    assert (one.went_on, two.went_on) == (True, False)
    assert kept.keeper.header() == b"Bearer x"
    assert not kept.keeper.wait_ready(one)


@given(st.integers(), st.floats(2.0, 1e6))
def test_a_token_is_replaced_when_most_of_its_life_is_over(seed: int, lifetime: float) -> None:
    """Each replica at a moment of its own, and before it expires."""
    kept = Kept(seed)
    began = kept.clock()
    kept.keeper.took(Token("x", lifetime))
    share = (kept.keeper.due_at - began) / lifetime
    assert 0.75 <= share <= 0.85 or kept.keeper.due_at == began + 1.0


def test_a_token_without_a_lifetime_stays() -> None:
    """Unless its source is to be asked again."""
    kept = Kept()
    kept.keeper.took(Token("x"))
    assert kept.keeper.due_at == float("inf")
    kept.keeper.took(Token("y", 1000.0, again=5.0))
    assert kept.keeper.due_at == kept.clock() + 5.0


def test_the_old_token_stays_while_it_is_valid() -> None:
    """Although no other can be had; then calls fail at once until the next attempt."""
    kept = Kept()
    kept.keeper.took(Token("x", 10.0))
    kept.clock.advance(9.0)
    kept.keeper.failed("away")
    assert kept.keeper.header() == b"Bearer x"
    assert not kept.keeper.wait_ready(Waiter())
    kept.clock.advance(0.5)
    kept.keeper.failed("away")
    kept.clock.advance(0.5)
    assert kept.keeper.header() is None
    assert not kept.keeper.wait_ready(Waiter())
    kept.clock.advance(60.0)
    assert kept.keeper.wait_ready(Waiter())
    assert repr(kept.keeper) == "<TokenKeeper: no token>"


def test_pauses_grow_and_end_at_a_minute() -> None:
    """Half of each is drawn, so that replicas do not come together."""
    kept = Kept()
    pauses = []
    for _ in range(12):
        kept.keeper.failed("away")
        pauses.append(kept.keeper.due_at - kept.clock())
    assert all(0.5 * top <= pause <= top for top, pause in zip((1, 2, 4, 8), pauses, strict=False))
    assert all(30.0 <= pause <= 60.0 for pause in pauses[7:])
    kept.keeper.took(Token("x", 100.0))
    kept.keeper.failed("away")
    assert kept.keeper.due_at - kept.clock() <= 1.0


def test_a_token_that_has_expired_already_is_none() -> None:
    """A file may be old."""
    kept, waiter = Kept(), Waiter()
    kept.keeper.wait_ready(waiter)
    kept.keeper.took(Token("x", -5.0))
    assert waiter.went_on
    assert kept.keeper.header() is None
    assert kept.keeper.error == "the token had expired when it came"


def test_a_refused_token_is_replaced_once_in_a_while() -> None:
    """Not for each call that a service refuses, and not when it was replaced already."""
    kept, waiter = Kept(), Waiter()
    kept.keeper.took(Token("x", 1000.0))
    kept.clock.advance(1.0)
    assert kept.keeper.refused(b"Bearer x", waiter)
    assert kept.keeper.due_at == kept.clock()
    assert not kept.keeper.refused(b"Bearer x", Waiter())
    kept.keeper.took(Token("y", 1000.0))
    assert waiter.went_on
    assert not kept.keeper.refused(b"Bearer x", Waiter())
    kept.clock.advance(10.0)
    assert kept.keeper.refused(b"Bearer y", Waiter())


def test_a_forked_child_keeps_the_token_and_forgets_who_waited() -> None:
    """The waiters are its parent's."""
    kept, waiter = Kept(), Waiter()
    kept.keeper.wait_ready(waiter)
    kept.keeper.renew()
    kept.keeper.took(Token("x", 10.0))
    assert not waiter.went_on
    assert repr(kept.keeper) == "<TokenKeeper: a token>"


@pytest.mark.parametrize("value", ["", " ", "a b", "é", "a\nb", "a\x00"])
def test_what_cannot_be_a_header_is_no_token(value: str) -> None:
    """Line breaks in it would be headers of their own."""
    with pytest.raises(ValueError, match="one word of ASCII") as caught:
        Token(value)
    assert value.strip() not in str(caught.value) or not value.strip()


def test_a_token_is_not_in_its_repr() -> None:
    """Nor is a lifetime that is no number taken."""
    assert repr(Token("hunter2", 5.0)) == "<Token: lifetime 5 s>"
    assert repr(Token("hunter2")) == "<Token: lifetime unknown>"
    with pytest.raises(ValueError, match="number of seconds"):
        Token("x", float("nan"))
