"""The rules that requests bring, for as long as their tokens are good."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.faults import FaultInjector, Orders, sign_baggage
from support import FakeClock

KEY = b"0123456789abcdef"
ABORT: dict[str, Any] = {"match": {"service": "payments"}, "abort": {"status": 503}}


@pytest.fixture
def clock() -> FakeClock:
    """The wall clock of both sides."""
    return FakeClock(1000.0)


def orders(clock: FakeClock, *keys: bytes) -> Orders:
    """Orders of an injector without rules."""
    return Orders(keys or (KEY,), compile=FaultInjector().compile, max_lifetime=100, clock=clock)


def token(clock: FakeClock, lifetime: float = 50.0, **rule: Any) -> str:
    """A token that is good for *lifetime* seconds."""
    return sign_baggage({**ABORT, **rule}, key=KEY, lifetime=lifetime, clock=clock)


def test_a_token_has_one_rule_while_it_is_good(clock: FakeClock) -> None:
    """Its limits hold over all requests that bring it; after its time it counts as refused."""
    known = orders(clock)
    brought = token(clock)
    (rule,) = known.rules(brought)
    assert known.rules(brought)[0] is rule
    clock.advance(50.9)
    assert known.rules(brought)[0] is rule
    clock.advance(0.1)
    assert [] == known.rules(brought)
    assert {"expired": 1} == known.refused


def test_good_and_bad_tokens_stand_beside_each_other(clock: FakeClock) -> None:
    """What is refused is counted, and takes nothing from the others."""
    known = orders(clock)
    names = [
        rule.options.name
        for rule in known.rules("~".join([token(clock, name="a"), "x.y", token(clock, name="b")]))
    ]
    assert ["a", "b"] == names
    assert {"malformed": 1} == known.refused


def test_too_much_is_refused_as_a_whole(clock: FakeClock) -> None:
    """As a member with five tokens, and as a header over the limit of the recommendation."""
    known = orders(clock)
    assert () == known.rules("~".join(["a.b"] * 5))
    assert () == known.rules_in(f"meshlib-fault={token(clock)}," + "x" * 8192)
    assert {"too long": 2} == known.refused


def test_a_header_is_searched(clock: FakeClock) -> None:
    """For our member among the others."""
    known = orders(clock)
    assert 1 == len(known.rules_in(f"user=1,meshlib-fault={token(clock)}"))
    assert () == known.rules_in("user=1")


def test_without_keys_nothing_is_read(clock: FakeClock) -> None:
    """Nor counted: it is not meant for this process."""
    known = Orders(compile=FaultInjector().compile, clock=clock)
    assert () == known.rules(token(clock))
    assert {} == known.refused


def test_only_so_many_are_kept(clock: FakeClock) -> None:
    """The expired leave first, then the oldest."""
    known = orders(clock)
    short = token(clock, lifetime=1)
    known.rules(short)
    first = token(clock)
    (rule,) = known.rules(first)
    for _ in range(254):
        known.rules(token(clock))
    clock.advance(5)
    assert known.rules(token(clock))
    assert known.rules(first)[0] is rule
    known.rules(token(clock))
    assert known.rules(first)[0] is not rule


def test_two_threads_may_read_a_token_at_once(clock: FakeClock) -> None:
    """The second takes the rule of the first."""
    known = orders(clock)
    brought = token(clock)
    inner: list[Any] = []

    class Keys(tuple[bytes, ...]):
        """Keys that are asked for while the other thread is already done."""

        __slots__ = ()

        def __iter__(self) -> Any:
            if not inner:
                inner.append(None)
                inner[0] = known.rules(brought)[0]
            return super().__iter__()

    known.keys = Keys((KEY,))
    assert known.rules(brought)[0] is inner[0]


def test_a_child_has_a_lock_of_its_own(clock: FakeClock) -> None:
    """A thread of its parent may have held the other one."""
    known = orders(clock)
    known._lock.acquire()
    known.renew()
    assert known.rules(token(clock))
