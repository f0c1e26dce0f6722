"""
One run of a scenario, less what waits: what both drivers share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .._clock import Clock
from .._exceptions import ConfigurationError
from ..config import DocumentStore
from ..events import CallFinished
from ._catalogue import load_scenario
from ._course import Course, Phase, Verdict
from ._document import DocumentFaults
from ._observer import Observer, is_good
from ._options import PlanOptions
from ._report import ChaosReport
from ._samples import Sample
from ._timeline import fault_of, rules_of, run_name


class Injection(Protocol):
    """Where the faults of a run are put in force; `end` is idempotent and undoes `begin`."""

    def begin(self) -> None:
        """Put them in force."""

    def end(self) -> None:
        """Take them out."""


class MeshFaults:
    """
    *rules* in the injector of *mesh*, in this process.

    Another document that takes effect meanwhile takes them out early.
    """

    def __init__(self, mesh: Any, rules: Any) -> None:
        self._faults = mesh.faults
        self._rules = rules

    def begin(self) -> None:
        """Put them in force."""
        for rule in self._rules:
            self._faults.add(rule)

    def end(self) -> None:
        """Take them out."""
        for rule in self._rules:
            try:
                self._faults.remove(rule.name)
            except ConfigurationError:
                pass  # it is out already


class Running:
    """
    A run on *mesh* of *scenario*, on the mesh's clock.

    *mesh* is a `Mesh`, or a client that has one. *overrides* are fields of the plan, such
    as `before`, in place of what the scenario says. With *measured* the calls that the
    application makes itself are the samples.
    """

    def __init__(
        self,
        mesh: Any,
        scenario: Any,
        *,
        parameters: Mapping[str, Any] | None,
        overrides: Mapping[str, Any],
        seed: int | None,
        good: Callable[[Any], bool] = is_good,
        measured: bool = False,
    ) -> None:
        self.mesh = getattr(mesh, "mesh", mesh)
        self.clock: Clock = self.mesh.clock
        self.scenario = load_scenario(scenario)
        self.parameters = self.scenario.values(parameters)
        self.plan = overridden_plan(self.scenario.plan(parameters), overrides)
        self.name = run_name(self.scenario.name, seed)
        self.rules = rules_of(self.plan, self.name, seed=seed)
        self.faults: Injection = MeshFaults(self.mesh, self.rules)
        self._elsewhere = self._trust = False
        self.course = Course(self.plan, self.clock())
        self.errors: Counter[str] = Counter()
        finished = self._measured if measured else None
        self.observer = Observer(self.name, lambda: self.course.phase is Phase.DURING, finished)
        self._good = good
        self._unlisten: Callable[[], None] | None = None

    def put_into(self, document: DocumentStore, *, trust: bool) -> None:
        """Have the faults in a document, and with *trust* believe that they fire."""
        self.faults = DocumentFaults(document, self.rules)
        self._elsewhere, self._trust = True, trust

    def __enter__(self) -> Running:
        self._unlisten = self.mesh.listen(self.observer)
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.faults.end()
        finally:
            self.course.stop(self.clock())
            if self._unlisten is not None:
                self._unlisten()

    @property
    def refused(self) -> str:
        """Why no fault may act in this mesh; empty when they may."""
        faults = self.mesh.faults
        if self._elsewhere:
            return ""
        if faults.forbidden:
            return f"faults are forbidden here: {faults.forbidden}"
        return "" if faults.enabled else "faults are switched off here"

    def advance(self) -> Phase:
        """Inject, or cease to, as the course wants it now; the phase."""
        before = self.course.phase
        phase = self.course.advance(self.clock())
        if phase is not before and phase is Phase.DURING:
            self.faults.begin()
        elif phase is not before and before is Phase.DURING:
            self.faults.end()
        return phase

    def wait(self) -> float:
        """Seconds until the course may go on."""
        return self.course.wait(self.clock())

    def began(self) -> Sample:
        """A call of the load begins."""
        return self.course.samples.begin(self.clock())

    def missed(self, times: Sequence[float]) -> None:
        """Calls were due at these times, and nobody was free to make them."""
        for at in times:
            self.course.samples.add(at, max(self.clock() - at, 0.0), good=False)

    def ended(
        self, sample: Sample, outcome: Any = None, error: BaseException | None = None
    ) -> None:
        """It has ended with *outcome*, or with *error*."""
        good = error is None and bool(self._good(outcome))
        self.course.samples.end(sample, self.clock(), good=good)
        if error is not None:
            self.errors[type(error).__name__] += 1

    def report(self) -> ChaosReport:
        """What the run has shown; when it is over."""
        course, observer = self.course, self.observer
        refused = self.refused
        fired = Counter({fault_of(rule.name): 0 for rule in self.rules})
        fired.update(observer.fired)
        injected = dict(fired) if not self._elsewhere or observer.fired else None
        verdict, reasons = course.judge(injected, observer.attempts or None, trust=self._trust)
        if refused:
            verdict, reasons = Verdict.INCONCLUSIVE, (refused,)
        return ChaosReport(
            scenario=self.scenario.name,
            run=self.name,
            parameters=self.parameters,
            verdict=verdict,
            reasons=reasons,
            before=course.window(Phase.BEFORE),
            during=course.window(Phase.DURING),
            after=course.window(Phase.AFTER),
            injected=injected,
            answers=dict(observer.answers),
            absorbed=dict(observer.absorbed),
            errors=dict(self.errors),
            recovery_time=course.recovery_time,
        )

    def _measured(self, event: CallFinished) -> None:
        failed = event.error is not None or event.status is None
        good = not failed and event.status not in (429, *range(500, 600))
        now = self.clock()
        self.course.samples.add(now - event.elapsed, event.elapsed, good=good)


def overridden_plan(plan: PlanOptions, overrides: Mapping[str, Any]) -> PlanOptions:
    """*plan* with those of *overrides* that are not None; raises ConfigurationError."""
    said = {name: value for name, value in overrides.items() if value is not None}
    if not said:
        return plan
    document = {name: getattr(plan, name) for name in plan.model_fields_set}
    return PlanOptions.model_validate({**document, **said})
