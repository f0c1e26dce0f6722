"""What an arrival adds to an answer that failed."""

from __future__ import annotations

from typing import Any

from meshlib._marks import MOST_FAULTS
from meshlib.inbound import Head

BROKEN = {"name": "cut", "abort": {"status": 500}}
STRANGER = "203.0.113.5"


def test_own_fault_is_named(make: Any) -> None:
    """By this service and the rule, once and not twice."""
    arrival = make(faults=[BROKEN]).arrive(Head("GET", "/", peer="10.0.0.9"))
    assert ((b"x-meshlib-faults", b"orders/cut"),) == arrival.marks() == arrival.marks()


def test_what_calls_found_out_is_told(make: Any) -> None:
    """Faults further on, and that trying again did not help."""
    arrival = make().arrive(Head("GET", "/", peer="10.0.0.9"))
    assert () == arrival.marks()
    arrival.served.marks.add(f"stock/{n}" for n in range(MOST_FAULTS + 1))
    arrival.served.marks.spent = True
    faults = b",".join(b"stock/%d" % n for n in range(MOST_FAULTS))
    assert ((b"x-meshlib-faults", faults), (b"x-meshlib-retries", b"spent")) == arrival.marks()


def test_strangers_are_told_nothing(make: Any) -> None:
    """What is broken on purpose within concerns nobody outside, nor behind a proxy."""
    inbound = make(faults=[BROKEN])
    forwarded = [(b"x-forwarded-for", STRANGER.encode())]
    for head in (
        Head("GET", "/", peer=STRANGER),
        Head("GET", "/", peer=None),
        Head("GET", "/", forwarded, peer="10.0.0.9"),
    ):
        arrival = inbound.arrive(head)
        arrival.served.marks.spent = True
        assert () == arrival.marks()


def test_a_fault_that_was_called_off_is_not_named(make: Any) -> None:
    """Then the answer is the application's own."""
    inbound = make(faults=[BROKEN])
    arrival = inbound.arrive(Head("GET", "/", peer="10.0.0.9"))
    inbound.faults.enabled = False
    assert () == arrival.marks()
