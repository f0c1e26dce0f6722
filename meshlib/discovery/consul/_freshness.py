"""
How old an answer may be, and who may give it.
"""

from __future__ import annotations

from collections.abc import Mapping

CONSISTENCIES = ("default", "stale", "consistent")
_DISTRUST = 60.0
"""Seconds for which the leader is asked after an answer that was too old."""


class Freshness:
    """
    Chooses the consistency mode of each query, and judges the age of each answer.

    An answer that is older than *max_stale* seconds is not used: the leader is asked, and
    goes on being asked for a minute, since whoever is behind remains so for a while. With
    None any age will do.

    https://developer.hashicorp.com/consul/api-docs/features/consistency
    """

    __slots__ = ("_cached", "_consistency", "_distrust", "_max_stale")

    def __init__(self, consistency: str, max_stale: float | None, *, cached: bool) -> None:
        self._consistency = consistency
        self._max_stale = max_stale
        self._cached = cached
        self._distrust = float("-inf")

    def trusts(self, now: float) -> bool:
        """Whether others than the leader may answer now."""
        return now >= self._distrust

    def distrust(self, now: float) -> None:
        """Ask the leader for a while, beginning at *now*."""
        self._distrust = now + _DISTRUST

    def params(self, *, trust: bool) -> dict[str, str]:
        """What goes with a query."""
        if not trust:
            # Said outright, since agents may be told to answer from any server by default.
            return {"leader": ""}
        params = {} if self._consistency == "default" else {self._consistency: ""}
        if self._cached:
            params["cached"] = ""
        return params

    def too_old(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer with *headers* must not be used."""
        if self._max_stale is None:
            return False
        # In milliseconds, how long the server that answered has not heard of its leader.
        contact = _number(headers.get("x-consul-lastcontact"))
        # In seconds, how long an agent that answers from its cache has not heard of a server.
        age = _number(headers.get("age"))
        known = headers.get("x-consul-knownleader", "true").strip().lower() == "true"
        return not known or max(contact / 1000.0, age) > self._max_stale


def _number(header: str | None) -> float:
    """0 for none, and infinity for what is no number, since it may be any."""
    if header is None:
        return 0.0
    return float(header) if header.isascii() and header.isdigit() else float("inf")
