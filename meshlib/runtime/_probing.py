"""
Probes of how loaded endpoints are, for a balancer that goes by reports.

They are sent in the background, to endpoints whose answers brought no report lately: a
call never waits for one.
"""

from __future__ import annotations

from typing import Any

import anyio

from .._clock import Clock
from ..health import LoadProbe
from ..transport import Service, Target, read_report

_TICK = 0.02
"""Seconds between two looks at what is to be probed."""
_ASLEEP = 1.0
"""The same while nothing is to be probed."""
_CONNECT = 1.0
"""Seconds that a probe may take beyond its timeout when it has no connection yet."""


def probes(policies: Any) -> bool:
    """Whether a service of these *policies* is probed."""
    return bool(policies.load_reports) and _path(policies.balancer) is not None


def _path(options: Any) -> str | None:
    path: str | None = getattr(options, "probe_path", None)
    return path


class LoadProbing:
    """Probes the endpoints of *service* while its balancer says so. For one event loop."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._probes: dict[Target, LoadProbe] = {}
        self._busy: set[Target] = set()

    async def run(self) -> None:
        """Probe until cancelled."""
        try:
            async with anyio.create_task_group() as group:
                while True:
                    found = False
                    for place in (self._service, *self._service.views):
                        found |= self._look(place, group)
                    await anyio.sleep(_TICK if found else _ASLEEP)
        finally:
            with anyio.move_on_after(_CONNECT, shield=True):
                for probe in self._probes.values():
                    await probe.aclose()

    def _look(self, place: Any, group: Any) -> bool:
        """Start the probes that the balancer of *place* wants; whether it ever wants any."""
        balancer = place.balancer
        options = getattr(balancer, "options", None)
        path = _path(options)
        if options is None or path is None or not hasattr(balancer, "silent"):
            return False
        for gone in [one for one in self._probes if one.removed and one not in self._busy]:
            group.start_soon(self._probes.pop(gone).aclose)
        for target in balancer.silent(place.pickable.candidates, self._clock()):
            if target not in self._busy:
                self._busy.add(target)
                group.start_soon(self._probe, balancer, target, path, options.probe_timeout)
        return True

    async def _probe(self, balancer: Any, target: Target, path: str, timeout: float) -> None:
        probe = self._probes.get(target)
        if probe is not None and probe.path != path:
            await probe.aclose()
            probe = None
        if probe is None:
            service = self._service
            probe = self._probes[target] = LoadProbe(path, lambda: service.policies.tls)
        try:
            with anyio.move_on_after(timeout if probe.is_connected else timeout + _CONNECT):
                headers = await probe.ask(target.endpoint)
                report = None if headers is None else read_report(headers)
                if report is not None:
                    now = self._clock()
                    latency = report.latency or target.load.latency(now)
                    balancer.report(target.load, report.rif, latency, now)
        finally:
            self._busy.discard(target)
