"""
What differs between two lists of endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._models import Endpoint


@dataclass(frozen=True, slots=True)
class Reconciled:
    """
    A new list compared with an old one, by address.

    *changed* are in both and differ in weight, priority, kind or metadata; *kept* differ
    in nothing. All but *removed* are the new ones.
    """

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    kept: tuple[Endpoint, ...]
    changed: tuple[Endpoint, ...]

    @property
    def unchanged(self) -> bool:
        """Whether both lists say the same, in whatever order."""
        return not (self.added or self.removed or self.changed)


def reconcile(old: Sequence[Endpoint], new: Sequence[Endpoint]) -> Reconciled:
    """
    Compare *new* with *old*; neither may hold an address twice.

    Takes time proportional to their lengths. Addresses are worked out only for endpoints
    whose URL is not spelt as before.
    """
    by_url = {endpoint.url: endpoint for endpoint in old}
    pairs: list[tuple[Endpoint, Endpoint | None]] = [
        (endpoint, by_url.pop(endpoint.url, None)) for endpoint in new
    ]
    by_address: dict[str, Endpoint] = {}
    if by_url and any(before is None for _, before in pairs):
        by_address = {endpoint.address: endpoint for endpoint in by_url.values()}
    gone = {id(endpoint): endpoint for endpoint in by_url.values()}
    added: list[Endpoint] = []
    kept: list[Endpoint] = []
    changed: list[Endpoint] = []
    for endpoint, match in pairs:
        before = match
        if before is None and by_address:
            before = by_address.pop(endpoint.address, None)
        if before is None:
            added.append(endpoint)
            continue
        gone.pop(id(before), None)
        (kept if _same(before, endpoint) else changed).append(endpoint)
    return Reconciled(tuple(added), tuple(gone.values()), tuple(kept), tuple(changed))


def _same(one: Endpoint, other: Endpoint) -> bool:
    return one is other or (
        one.weight == other.weight
        and one.priority == other.priority
        and one.kind == other.kind
        and one.metadata == other.metadata
    )
