"""
Hypothesis strategies for what may go wrong; they need the package `hypothesis`.

What fails shrinks to what is easiest to read: fewer rules, the first service, an answer
of 503 to every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
from hypothesis import strategies as st

from .._models import Endpoint
from ..faults import FaultRule
from ._script import HANG, Slow

__all__ = ["KINDS", "endpoints", "fault_plans", "fault_rules", "scripts"]

KINDS = ("status", "error", "delay", "lost", "truncate", "corrupt")
"""What `fault_rules` can break: `lost` is a response dropped after the request was processed."""

_STATUSES = (503, 500, 429, 502, 504, 404)
_ERRORS = ("refused", "reset", "read_timeout", "connect_timeout", "disconnected", "dns")
_SHARES = (100.0, 50.0, 10.0, 1.0)
_MOST = 5
"""Times at the most that a rule with a limit fires."""
_LONGEST = 20_000
"""Milliseconds; longer than the deadline of a call by default."""


def fault_rules(
    services: Sequence[str] | None = None,
    *,
    kinds: Sequence[str] = KINDS,
    name: str = "fault",
) -> st.SearchStrategy[FaultRule]:
    """
    Rules called *name* that break calls to one of *services*, by default to any.

    Each is of one of *kinds*, with a percentage, a seed, and maybe a limit of 1 to 5
    times. Raises ValueError for a kind that does not exist.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ValueError(f"kinds are some of {', '.join(KINDS)}, not {', '.join(unknown)}")
    return st.builds(
        _rule,
        name=st.just(name),
        service=st.none() if services is None else st.sampled_from(services),
        # A number for every kind: what needs fewer choices would be simpler to Hypothesis.
        part=st.tuples(st.sampled_from(kinds), st.integers(0, _LONGEST - 1)).map(_part),
        # One number for all of these: Hypothesis leaves out what has five choices at most.
        extent=st.integers(0, 24_000).map(_extent),
    )


def fault_plans(
    services: Sequence[str] | None = None,
    *,
    kinds: Sequence[str] = KINDS,
    min_rules: int = 1,
    max_rules: int = 3,
) -> st.SearchStrategy[list[FaultRule]]:
    """Lists of *min_rules* to *max_rules* rules with names of their own, as of `fault_rules`."""
    # A minimum of the list itself would keep its first rules from being left out.
    rules = st.lists(fault_rules(services, kinds=kinds), max_size=max_rules)
    return rules.filter(lambda drawn: len(drawn) >= min_rules).map(_numbered)


def endpoints(*, min_size: int = 1, max_size: int = 5) -> st.SearchStrategy[list[Endpoint]]:
    """Lists of endpoints with addresses of their own, weights, priorities and zones."""
    one = st.tuples(
        st.sampled_from((1.0, 2.0, 5.0, 0.5)), st.integers(0, 2), st.sampled_from(("a", "b", "c"))
    )
    return st.lists(one, min_size=min_size, max_size=max_size).map(
        lambda drawn: [
            Endpoint(
                f"http://endpoint-{number}.fake",
                weight=weight,
                priority=priority,
                metadata={"zone": zone},
            )
            for number, (weight, priority, zone) in enumerate(drawn, 1)
        ]
    )


def scripts(*, max_size: int = 5, hang: bool = True) -> st.SearchStrategy[list[Any]]:
    """What a `FakeEndpoint` answers: statuses, errors, slow answers and, with *hang*, none."""
    quick = (200, *_STATUSES, httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)
    seconds = st.integers(1, _LONGEST).map(lambda milliseconds: milliseconds / 1000)
    slow = st.builds(Slow, seconds, st.sampled_from(quick))
    items: st.SearchStrategy[Any] = st.sampled_from((*quick, HANG) if hang else quick)
    return st.lists(items | slow, min_size=1, max_size=max_size)


def _part(drawn: tuple[str, int]) -> dict[str, Any]:
    """The fields of a rule of a kind, and which of that; 0 is the plainest."""
    kind, number = drawn
    match kind:
        case "status":
            return {"abort": {"status": _STATUSES[number % len(_STATUSES)]}}
        case "error":
            return {"abort": {"error": _ERRORS[number % len(_ERRORS)]}}
        case "delay":
            return {"delay": {"fixed": (number + 1) / 1000}}
        case "lost":
            return {"when": "after", "abort": {"error": "disconnected"}}
        case "truncate":
            return {"response": {"truncate": number % 64}}
        case _:
            return {"response": {"corrupt": "json"}}


def _extent(number: int) -> dict[str, Any]:
    """How many calls a rule touches, and which; 0 is all of them."""
    number, share = divmod(number, len(_SHARES))
    seed, times = divmod(number, _MOST + 1)
    return {"percentage": _SHARES[share], "max_total": times or None, "seed": seed}


def _rule(
    *, name: str, service: str | None, part: dict[str, Any], extent: dict[str, Any]
) -> FaultRule:
    return FaultRule.model_validate({"name": name, "match": {"service": service}, **part, **extent})


def _numbered(rules: list[FaultRule]) -> list[FaultRule]:
    return [
        rule.model_copy(update={"name": f"{rule.name} {number}"})
        for number, rule in enumerate(rules, 1)
    ]
