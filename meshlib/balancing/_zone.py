"""
How much traffic stays in the own zone, when it is known where the other callers are.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from ._base import C, Picker, prepare
from ._level_options import ZoneAwareOptions
from ._locality import Locality, zone_counts, zone_of
from ._shares import by_shares

BASIS = 10_000
"""Shares are whole parts of this, as in Envoy."""


@dataclass(frozen=True, slots=True)
class ZoneLoads:
    """
    The division of traffic between zones, the own one first.

    *own* of 10,000 calls stay in the own zone; the others go to the zones in proportion to
    *residual*, what each can take beyond the callers in it.
    """

    zones: tuple[str, ...]
    own: int
    residual: tuple[int, ...]

    @property
    def cumulative(self) -> tuple[int, ...]:
        """The sums of `residual`, as Envoy keeps them."""
        return tuple(accumulate(self.residual))

    def shares(self) -> dict[str, float]:
        """Compute the share of each zone; together 1."""
        left = 1.0 - self.own / BASIS
        spare = sum(self.residual)
        # Only rounding leaves traffic and nowhere to go: any zone, as in Envoy.
        others = [part / spare if spare else 1 / len(self.zones) for part in self.residual]
        shares = [left * part for part in others]
        shares[0] += self.own / BASIS
        return dict(zip(self.zones, shares, strict=True))


def zone_loads(
    own: str,
    callers: Mapping[str, int],
    endpoints: Mapping[str, int],
    *,
    min_endpoints: int = 6,
    force_own_zone: int | None = None,
) -> ZoneLoads | None:
    """
    Divide the traffic of a caller in the zone *own*, exactly as Envoy does.

    *callers* and *endpoints* are numbers of fit ones by zone; a zone whose endpoints are
    all unfit is in *endpoints* with 0. None: zones are not told apart, because there are
    fewer than two of them, too few endpoints, or no caller is known.

    When the own zone has a share of the endpoints as large as its share of the callers,
    everything stays. Else what its endpoints can take stays, and the rest goes where
    endpoints are more than callers.
    """
    if len(endpoints) < 2 or sum(endpoints.values()) < min_endpoints or not any(callers.values()):
        return None
    zones = (own, *(zone for zone in endpoints if zone != own))
    there = _parts([endpoints.get(zone, 0) for zone in zones], sum(endpoints.values()))
    here = _parts([callers.get(zone, 0) for zone in zones], sum(callers.values()))
    forced = force_own_zone is not None and endpoints.get(own, 0) >= force_own_zone
    if forced or (there[0] > 0 and there[0] >= here[0]):
        return ZoneLoads(zones, BASIS, (0,) * len(zones))
    spare = [max(0, more - less) for more, less in zip(there, here, strict=True)]
    stays = there[0] * BASIS // here[0] if here[0] else 0
    return ZoneLoads(zones, stays, (0, *spare[1:]))


def _parts(counts: Sequence[int], total: int) -> list[int]:
    return [BASIS * count // total if total else 0 for count in counts]


class Members(NamedTuple):
    """This application's own replicas: the fit ones by zone, and how many there are."""

    fit: Mapping[str, int]
    total: int


NOBODY = Members({}, 0)


class ZoneAware:
    """
    Prepares pickers that divide the traffic of one level between zones.

    Of the own replicas *panic*, a ratio, must be fit: too few say nothing of where callers
    are, and zones are not told apart.
    """

    __slots__ = ("_own", "_panic", "options")

    def __init__(self, options: ZoneAwareOptions, own: Locality, panic: float = 0.5) -> None:
        self.options = options
        self._own = own.zone
        self._panic = panic

    def loads(self, members: Members, endpoints: Mapping[str, int]) -> ZoneLoads | None:
        """Divide the traffic of *members* between the zones of *endpoints*, fit ones by zone."""
        if not self._own or sum(members.fit.values()) < self._panic * members.total:
            return None
        return zone_loads(
            self._own,
            members.fit,
            endpoints,
            min_endpoints=self.options.min_endpoints,
            force_own_zone=self.options.force_own_zone,
        )

    def prepare(
        self,
        members: Members,
        balancer: Any,
        usable: tuple[C, ...],
        everyone: Sequence[C],
        rng: random.Random,
    ) -> Picker[C]:
        """
        Make what picks among *usable*, the fit ones of *everyone* in the level.

        A hashing balancer keeps its keys together, as in Envoy: it knows no zones.
        """
        loads = None
        if not getattr(balancer, "whole_table", False):
            fit = zone_counts(usable)
            loads = self.loads(members, {zone: fit.get(zone, 0) for zone in zone_counts(everyone)})
        if loads is None:
            return prepare(balancer, usable)
        parts: list[tuple[float, Picker[C]]] = []
        for zone, share in loads.shares().items():
            there = tuple(each for each in usable if zone_of(each.endpoint) == zone)
            if share and there:
                parts.append((share, prepare(balancer, there)))
        return by_shares(parts, rng)
