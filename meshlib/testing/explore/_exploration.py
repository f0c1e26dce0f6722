"""The list of runs that are still to be made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ._behaviour import Behaviour, Behaviours
from ._kind import FaultKind
from ._plan import Injection, Plan
from ._site import CallSite


class Exploration:
    """
    Says which faults to try next in one test, from what its runs reached.

    Begins with no fault at all. Then each call site that a run reached is broken in each way
    that *kinds* names for it, together with the faults of the run that first reached it.
    *max_faults* limits how many faults a run has beyond those needed to reach the places of
    others: with 1, each reachable pair of site and fault is tried once; with 2, also two at a
    time where the second place is still reached after the first fault.

    With *reduce* a run whose every service would see what it has seen already is not made.
    *max_runs* ends the exploration early.

    Not thread-safe.
    """

    def __init__(
        self,
        kinds: Callable[[CallSite], Iterable[FaultKind]],
        *,
        max_faults: int = 1,
        reduce: bool = True,
        max_runs: int | None = None,
    ) -> None:
        self._kinds = kinds
        self._max_faults = max_faults
        self._max_runs = max_runs
        self._work: deque[Plan] = deque([Plan()])
        self._planned: set[frozenset[Injection]] = {frozenset()}
        self._reduced: list[Plan] = []
        self._behaviours = Behaviours() if reduce else None
        self._longest = 0
        self.runs = 0
        """Runs made, the one without faults included."""
        self.sites: dict[CallSite, tuple[FaultKind, ...]] = {}
        """Every call site reached so far, and what may be broken there."""
        self.exercised: set[Injection] = set()
        """What fired."""
        self.left = 0
        """Runs that *max_runs* left undone."""

    @property
    def reduced(self) -> int:
        """Runs not made, because what would happen was known."""
        return len(self._reduced)

    @property
    def contradicted(self) -> str | None:
        """Who behaved differently though nothing it saw was different, which ends reducing."""
        return None if self._behaviours is None else self._behaviours.contradicted

    @property
    def product(self) -> int:
        """
        Runs that trying everything would take.

        That is every combination of the sites known by now and the ways to break them, on all
        attempts and, where it may matter, on the first alone; of at most *max_faults* faults,
        or as many as the longest run needed.
        """
        most = max(self._max_faults, self._longest)
        counts = [1] + [0] * most
        for kinds in self.sites.values():
            ways = sum(2 if kind.once else 1 for kind in kinds)
            for size in range(most, 0, -1):
                counts[size] += counts[size - 1] * ways
        return sum(counts)

    def next(self) -> Plan | None:
        """What to inject in the next run; None when there is nothing left to try."""
        while self._work:
            if self._max_runs is not None and self.runs >= self._max_runs:
                self.left += len(self._work)
                self._work.clear()
                break
            plan = self._work.popleft()
            if self._behaviours is None or self._behaviours.foretell(plan) is None:
                self._stop_reducing()
                return plan
            self._reduced.append(plan)
        return None

    def record(self, plan: Plan, run: Behaviour) -> None:
        """Take what happened under *plan*, and plan what follows from it."""
        self.runs += 1
        self._longest = max(self._longest, len(plan.injections))
        if self._behaviours is not None:
            self._behaviours.add(run)
            self._stop_reducing()
        calls = [call for call in run.walk() if call.site is not None and call.sent]
        for call in calls:
            assert call.site is not None
            self._try_first_alone(plan, call)
            if plan.at(call.site) is None:
                self._break(plan, call.site)

    def _stop_reducing(self) -> None:
        """Try what was left out, once it is seen that it rested on a wrong supposition."""
        if self.contradicted is not None:
            self._work.extend(self._reduced)
            self._reduced.clear()

    def _try_first_alone(self, plan: Plan, call: Behaviour) -> None:
        assert call.site is not None
        injection = plan.at(call.site)
        if injection is None or not call.fired:
            return
        self.exercised.add(injection)
        if injection.kind.once and call.fired > 1:
            others = tuple(one for one in plan.injections if one is not injection)
            alone = Injection(injection.site, injection.kind, first=True)
            self._plan(Plan((*others, alone), plan.depth))

    def _break(self, plan: Plan, site: CallSite) -> None:
        depth = plan.depth + 1
        if site not in self.sites:
            self.sites[site] = tuple(self._kinds(site))
            depth = max(plan.depth, 1)
        if depth > self._max_faults:
            return
        for kind in self.sites[site]:
            self._plan(plan.with_one_more(Injection(site, kind), depth))

    def _plan(self, plan: Plan) -> None:
        injections = frozenset(plan.injections)
        if injections not in self._planned:
            self._planned.add(injections)
            self._work.append(plan)
