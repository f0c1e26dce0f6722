"""Who expires when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.registry._expiry import Leases


def test_expires_at_the_end_of_its_time() -> None:
    """Not before, once, and then it is forgotten."""
    leases = Leases()
    leases.renew(("users", "a"), 15.0, now=100.0)
    assert [] == leases.expired(114.9)
    assert [("users", "a")] == leases.expired(115.0)
    assert [] == leases.expired(1000.0)
    assert 0 == len(leases)


def test_a_heartbeat_gives_all_of_the_time_again() -> None:
    """A renewed lease counts from the heartbeat."""
    leases = Leases()
    leases.renew(("users", "a"), 15.0, now=100.0)
    leases.renew(("users", "a"), 15.0, now=110.0)
    assert [] == leases.expired(120.0)
    assert [("users", "a")] == leases.expired(125.0)


def test_a_shorter_time_counts_at_once() -> None:
    """An instance that registers again for a shorter time expires by that."""
    leases = Leases()
    leases.renew(("users", "a"), 1000.0, now=0.0)
    leases.renew(("users", "a"), 5.0, now=1.0)
    assert [("users", "a")] == leases.expired(6.0)
    assert [] == leases.expired(2000.0)


def test_who_has_gone_does_not_expire() -> None:
    """A deregistered instance is not reported, and may come back."""
    leases = Leases()
    leases.renew(("users", "a"), 5.0, now=0.0)
    leases.forget(("users", "a"))
    leases.forget(("users", "a"))
    assert [] == leases.expired(10.0)
    leases.renew(("users", "a"), 5.0, now=10.0)
    assert [("users", "a")] == leases.expired(15.0)


def test_forgiven_seconds_count_against_nobody() -> None:
    """Those who were there have longer, and those who come later have not."""
    leases = Leases()
    leases.renew(("users", "a"), 5.0, now=0.0)
    leases.forgive(60.0)
    leases.renew(("users", "b"), 5.0, now=62.0)
    assert [] == leases.expired(64.9)
    assert [("users", "a")] == leases.expired(65.0)
    assert [("users", "b")] == leases.expired(67.0)


def test_the_queue_does_not_grow_with_what_has_gone() -> None:
    """Registering and leaving for ever costs no memory for ever."""
    leases = Leases()
    for number in range(10_000):
        leases.renew(("users", str(number)), 86_400.0, now=0.0)
        leases.forget(("users", str(number)))
    assert len(leases._queue) <= 1001
    assert len(leases._queued) <= 1001


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["renew", "forget", "wait"]),
        st.integers(0, 3),
        st.integers(1, 20),
    ),
    max_size=60,
)


@given(_STEPS)
def test_it_is_a_table_of_deadlines(steps: list[tuple[str, int, int]]) -> None:
    """Whatever happens, exactly those expire whose deadline has passed."""
    leases, deadlines, now = Leases(), dict[tuple[str, str], int](), 0
    for step, number, seconds in steps:
        key = ("users", str(number))
        if step == "renew":
            leases.renew(key, seconds, now)
            deadlines[key] = now + seconds
        elif step == "forget":
            leases.forget(key)
            deadlines.pop(key, None)
        else:
            now += seconds
            due = {key for key, deadline in deadlines.items() if deadline <= now}
            found = leases.expired(now)
            assert due == set(found)
            assert len(found) == len(due)
            for key in due:
                del deadlines[key]
    assert len(leases) == len(deadlines)
