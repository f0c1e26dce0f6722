"""What one test takes place in: its meshes, its time, its endpoints, its faults."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self

from .._surroundings import Surroundings, surrounded
from ..events import Event, FaultInjected
from ..faults import FaultRule, Injection
from ..runtime import Mesh, meshes
from ._cluster import FakeCluster
from ._handle import FaultHandle, Unused
from ._history import History, told
from ._rule_of import name_of, rule_of
from ._virtual import VirtualTime


class Stage:
    """
    Surrounds the code under test, and puts faults into every mesh that it makes or has.

    A mesh that is made inside the block goes by *time*, `virtual` or `real`; *services*
    are merged over its own, as are those of the *cluster*, which then answers in the place
    of the wire. A *cluster* may be given as a dict of scripts. By default time is virtual
    where there is a cluster, and real where there are sockets. *config* is that of `mesh`
    alone, which clients share that are given neither a mesh nor a configuration.

    A fault of the stage acts whatever environments the document lists, as by
    `mesh.faults.permit`. The random numbers of every mesh follow *seed*. Not thread-safe,
    while what it surrounds may use any number of threads; one at a time in a process.
    """

    def __init__(
        self,
        *,
        name: str = "test",
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        cluster: FakeCluster | Mapping[str, Any] | None = None,
        time: Literal["virtual", "real"] | VirtualTime | None = None,
        seed: int = 0,
        unused: Unused = "error",
    ) -> None:
        if time is None:
            time = "real" if cluster is None else "virtual"
        if time not in ("virtual", "real") and not isinstance(time, VirtualTime):
            raise ValueError(f"time is 'virtual' or 'real', not {time!r}")
        if unused not in ("error", "warn", "ignore"):
            raise ValueError(f"unused is 'error', 'warn' or 'ignore', not {unused!r}")
        if time == "virtual":
            time = VirtualTime()
        self.time: VirtualTime | None = time if isinstance(time, VirtualTime) else None
        """None where time is real."""
        self.cluster = cluster if isinstance(cluster, FakeCluster) else FakeCluster(cluster)
        self.faults: list[FaultHandle] = []
        self._name = name
        self._config = config
        self._unused: Unused = unused
        self._mesh: Mesh | None = None
        self._histories: dict[int, History] = {}
        self._lock = threading.RLock()
        self._stack = ExitStack()
        clock = self.time
        self._around = Surroundings(
            clock=clock,
            wall_clock=None if clock is None else clock.wall,
            rng=random.Random(seed),
            services={**(services or {}), **self.cluster.services},
            transport=None if cluster is None else self.cluster,
            made=self._watch,
        )

    @property
    def mesh(self) -> Mesh:
        """The mesh of the test; made when it is first asked for."""
        if self._mesh is None:
            self._mesh = Mesh(self._name, config=self._config)
            self._around.mesh = self._mesh
        return self._mesh

    @property
    def meshes(self) -> list[Mesh]:
        """Every mesh that the test has made so far, and every older one that is in use."""
        for mesh in meshes():
            self._watch(mesh)
        return [history.mesh for history in self._histories.values()]

    def fault(
        self,
        service: str | None = None,
        *,
        times: int | None = None,
        name: str | None = None,
        unused: Unused | None = None,
        **fault: Any,
    ) -> FaultHandle:
        """
        Break calls to *service*, by default of any, from now on: in every mesh.

        *fault* is fields of a `FaultRule`, of its match, abort and response, as in
        `status=503, method="POST"`, `delay=0.3` or `error="refused"`. *times* is how often
        it fires at the most. *unused* says what becomes of a test in which it never does.
        """
        name = name or name_of(service, fault)
        taken = {handle.name for handle in self.faults}
        if name in taken:
            name = next(f"{name} ({n})" for n in range(2, 10_000) if f"{name} ({n})" not in taken)
        return self.add(rule_of(name, service, times, dict(fault)), unused=unused)

    def add(self, rule: FaultRule, *, unused: Unused | None = None) -> FaultHandle:
        """Put a whole *rule* into every mesh, from now on."""
        found = self.meshes
        handle = FaultHandle(
            rule,
            unused=unused or self._unused,
            fired=self._fired,
            injections=self._injections,
            tell=self._told,
            switch=self._switch,
        )
        self.faults.append(handle)
        for mesh in found:
            _put(rule, mesh)
        return handle

    def unused(self) -> list[FaultHandle]:
        """The faults that never fired."""
        return [handle for handle in self.faults if not handle.fired]

    def _watch(self, mesh: Mesh) -> None:
        with self._lock:
            if id(mesh) in self._histories:
                return
            self._histories[id(mesh)] = History(mesh)
        self._stack.callback(self._histories[id(mesh)].stop)
        self._stack.callback(mesh.listen(partial(self._limit, mesh)))
        for handle in self.faults:
            _put(handle.rule, mesh)
        self._stack.callback(self._withdraw, mesh)

    def _withdraw(self, mesh: Mesh) -> None:
        names = {handle.name for handle in self.faults}
        mesh.faults.set_rules([rule for rule in mesh.faults.rules if rule.name not in names])

    def _limit(self, mesh: Mesh, event: Event) -> None:
        """A rule counts in each mesh for itself; together they fire no more often than said."""
        if not isinstance(event, FaultInjected) or len(self._histories) < 2:
            return
        for handle in self.faults:
            limit = handle.rule.max_total
            if limit is not None and handle.name in event.rule and handle.fired >= limit:
                self._switch(handle.name, False, but=mesh)  # whose own limit is reached by itself

    def _fired(self, name: str) -> int:
        return sum(each.mesh.faults.injected.get(name, 0) for each in self._histories.values())

    def _injections(self, name: str) -> list[Injection]:
        found = [
            injection
            for history in self._histories.values()
            for injection in list(history.injections)
            if injection.rule == name
        ]
        return sorted(found, key=lambda injection: injection.time)

    def _told(self, service: str | None) -> str:
        return told(list(self._histories.values()), service)

    def _switch(self, name: str, enabled: bool, but: Mesh | None = None) -> None:
        for history in self._histories.values():
            faults = history.mesh.faults
            if history.mesh is not but and any(rule.name == name for rule in faults.rules):
                (faults.enable if enabled else faults.disable)(name)

    def __enter__(self) -> Self:
        self._stack.enter_context(surrounded(self._around))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        if self._mesh is not None:
            self._mesh.close()
        if self.time is not None:
            self.time.close()


def _put(rule: FaultRule, mesh: Mesh) -> None:
    if mesh.faults.forbidden:
        mesh.faults.permit()  # the list of environments is for the application, not its tests
    mesh.faults.add(rule)
