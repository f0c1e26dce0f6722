"""
Whether this process is alive, ready, and started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any, TypeVar, overload

import anyio
import sniffio

from .._clock import Clock, monotonic, wall
from .._exceptions import ConfigurationError
from .._fork import survive_fork
from ._depends import dependency
from ._named import NamedCheck
from ._report import CheckResult, HealthReport, Probe, report_of

Function = TypeVar("Function", bound=Callable[[], Any])

_PROBES: tuple[Probe, ...] = ("live", "ready", "startup")
_READY: tuple[Probe, ...] = ("ready",)


class ProcessHealth:
    """
    The answers to the liveness, readiness and startup probes of this process.

    *Startup* succeeds once all critical startup checks have passed, and from then on for
    ever. *Ready* fails before that and while draining, and else as its checks say. *Live*
    has its own checks only: a process that cannot reach its database is not helped by a
    restart, so without any it succeeds.

    Thread-safe. May be asked on asyncio, on trio and in plain threads, by all of them at
    once. Survives `fork`. *clock* and *wall_clock* are replaced by tests only.
    """

    def __init__(self, *, clock: Clock = monotonic, wall_clock: Clock = wall) -> None:
        self._clock = clock
        self._wall = wall_clock
        self._lock = threading.Lock()
        self._checks: dict[str, NamedCheck] = {}
        self._passed_startup = False
        self._draining = False
        survive_fork(self)

    # What is checked

    @overload
    def add(
        self,
        name: str,
        check: None = None,
        *,
        critical: bool = True,
        probes: Collection[Probe] = _READY,
        timeout: float = 0.5,
        cache: float = 5.0,
    ) -> Callable[[Function], Function]: ...

    @overload
    def add(
        self,
        name: str,
        check: Function,
        *,
        critical: bool = True,
        probes: Collection[Probe] = _READY,
        timeout: float = 0.5,
        cache: float = 5.0,
    ) -> Function: ...

    def add(
        self,
        name: str,
        check: Any = None,
        *,
        critical: bool = True,
        probes: Collection[Probe] = _READY,
        timeout: float = 0.5,
        cache: float = 5.0,
    ) -> Any:
        """
        Add *check* as *name*; without a *check* this is a decorator.

        The check is a function without arguments, async or not. It fails when it raises,
        returns something false other than None, or takes longer than *timeout* seconds:
        half of what Kubernetes gives a probe by default, so that its answer still arrives.
        One that is not async runs in a thread; an async one runs on the event loop of
        whoever asks, so what it uses must not belong to another.

        A failed *critical* check fails the *probes* it is for, any other makes them warn.
        A result is remembered for *cache* seconds, less than the 10 s from one probe of
        Kubernetes to the next by default; 0 remembers nothing.

        Raises ConfigurationError for a name that is taken, and what is no probe.
        """
        if check is None:

            def decorate(function: Function) -> Function:
                return self.add(
                    name,
                    function,
                    critical=critical,
                    probes=probes,
                    timeout=timeout,
                    cache=cache,
                )

            return decorate
        path = f"health.{name}"
        chosen = tuple(probe for probe in _PROBES if probe in probes)
        if isinstance(probes, str) or not chosen or len(chosen) != len(set(probes)):
            raise ConfigurationError(
                f"{probes!r} are no probes", path=f"{path}.probes", hint=f"known are {_PROBES}"
            )
        if not callable(check):
            raise ConfigurationError(f"{check!r} cannot be called", path=path)
        if not timeout > 0 or not cache >= 0:
            raise ConfigurationError("timeout must be above 0, and cache not below", path=path)
        made = NamedCheck(
            name,
            check,
            critical=critical,
            probes=chosen,
            timeout=timeout,
            cache=cache,
            clock=self._clock,
            wall=self._wall,
        )
        with self._lock:
            if name in self._checks:
                raise ConfigurationError("there is a check of this name", path=path)
            self._checks = {**self._checks, name: made}
        return check

    def remove(self, name: str) -> None:
        """Take the check *name* away, if there is one."""
        with self._lock:
            self._checks = {known: one for known, one in self._checks.items() if known != name}

    def depends_on(
        self,
        mesh: Any,
        service: str,
        *,
        name: str | None = None,
        critical: bool = True,
        probes: Collection[Probe] = _READY,
        timeout: float = 0.5,
        cache: float = 1.0,
    ) -> None:
        """
        Add a check that fails while no endpoint of *service* would take a call.

        That is when none is known, all are unhealthy, or the circuits of all are open; one
        whose break is over, so that the next call would be its probe, takes calls. *mesh*
        is a Mesh or a client, and nothing is sent. The check is called *name*, by default
        `mesh:` and the service.

        When many processes share a dependency they fail together: make it critical only
        where answering without it is worse than not answering at all.
        """
        self.add(
            name or f"mesh:{service}",
            dependency(mesh, service),
            critical=critical,
            probes=probes,
            timeout=timeout,
            cache=cache,
        )

    # Life

    def drain(self) -> None:
        """Have readiness fail from now on, until `resume`; liveness is not touched."""
        self._draining = True

    def resume(self) -> None:
        """Have readiness be as its checks say again."""
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether `drain` was called, and `resume` was not."""
        return self._draining

    @property
    def started(self) -> bool:
        """Whether the startup checks have passed once, or there are none."""
        return self._passed_startup or not self._of("startup")

    # Answers

    async def check(self, probe: Probe = "ready") -> HealthReport:
        """
        The answer to *probe*: `live`, `ready` or `startup`.

        Checks run beside each other, so it takes as long as the slowest, and no longer
        than the longest timeout twice. Raises ConfigurationError for another probe.
        """
        if probe not in _PROBES:
            raise ConfigurationError(
                f"{probe!r} is no probe", path="probe", hint=f"known are {_PROBES}"
            )
        if probe == "ready" and self._draining:
            return HealthReport(probe=probe, status="fail", notes=("draining",))
        if probe != "live" and not self.started:
            report = report_of(probe, await self._results("startup"), ("starting",))
            if not report.ok:
                return report
            self._passed_startup = True
            if probe == "startup":
                return report_of(probe, list(report.checks.values()))
        if probe == "startup":
            return HealthReport(probe=probe, status="pass")
        report = report_of(probe, await self._results(probe))
        if probe == "ready" and self._draining:  # since it was asked
            return HealthReport(probe=probe, status="fail", notes=("draining",))
        return report

    def check_now(self, probe: Probe = "ready") -> HealthReport:
        """
        The same in a thread without an event loop; it gets one of its own for a moment.

        Raises RuntimeError where an event loop runs, which this would block.
        """
        try:
            library = sniffio.current_async_library()
        except sniffio.AsyncLibraryNotFoundError:
            return anyio.run(self.check, probe)
        raise RuntimeError(f"{library} runs in this thread; await check() instead")

    def _of(self, probe: Probe) -> list[NamedCheck]:
        return [check for check in self._checks.values() if probe in check.probes]

    async def _results(self, probe: Probe) -> list[CheckResult]:
        checks = self._of(probe)
        results: dict[str, CheckResult] = {}

        async def take(check: NamedCheck) -> None:
            results[check.name] = await check.result()

        async with anyio.create_task_group() as group:
            for check in checks:
                group.start_soon(take, check)
        return [results[check.name] for check in checks]

    def renew(self) -> None:
        """A forked child has nobody who makes a check."""
        self._lock = threading.Lock()
        for check in self._checks.values():
            check.renew()
