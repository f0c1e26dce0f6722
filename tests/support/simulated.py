"""A simulated application of services that call services, to explore without any network."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshlib.testing.explore import Behaviour, CallSite, Exploration, Plan, SiteIndex


@dataclass(frozen=True)
class Caller:
    """
    A service that makes *calls*, one after the other.

    Each is a service and what happens when it fails: "absorb" goes on without it, "fail" fails
    too and at once, "tell" answers differently, and a `Caller` is asked in its place.
    """

    name: str
    calls: tuple[tuple[Caller, object], ...] = ()


@dataclass
class World:
    """Runs `root` as a test would, and keeps what each run ended with."""

    root: Caller
    retries: int = 0
    index: SiteIndex = field(default_factory=SiteIndex)

    def run(self, plan: Plan) -> Behaviour:
        """What happens under *plan*."""
        self.index = SiteIndex()
        outcome, calls = self._serve(self.root, plan, None)
        return Behaviour(None, outcome, calls)

    def _serve(
        self, caller: Caller, plan: Plan, parent: CallSite | None
    ) -> tuple[str, tuple[Behaviour, ...]]:
        made: list[Behaviour] = []
        answer = "ok"
        for called, reaction in caller.calls:
            made.append(self._call(caller, called, plan, parent))
            if made[-1].outcome in ("ok", "degraded"):
                continue
            if isinstance(reaction, Caller):
                made.append(self._call(caller, reaction, plan, parent))
                if made[-1].outcome not in ("ok", "degraded"):
                    return "failed", tuple(made)
            elif reaction == "fail":
                return "failed", tuple(made)
            elif reaction == "tell":
                answer = "degraded"
        return answer, tuple(made)

    def _call(
        self, caller: Caller, called: Caller, plan: Plan, parent: CallSite | None
    ) -> Behaviour:
        site = self.index.site(
            source=caller.name, service=called.name, method="GET", path="/", parent=parent
        )
        injection = plan.at(site)
        if injection is None:
            outcome, calls = self._serve(called, plan, site)
            return Behaviour(site, outcome, calls)
        if injection.first and self.retries:
            outcome, calls = self._serve(called, plan, site)
            return Behaviour(site, outcome, calls, injected=injection.label, fired=1)
        fired = 1 + self.retries
        return Behaviour(site, injection.kind.name, injected=injection.label, fired=fired)


def explore(world: World, exploration: Exploration) -> dict[Plan, str]:
    """How each run ended that *exploration* asked for."""
    ends: dict[Plan, str] = {}
    while (plan := exploration.next()) is not None:
        run = world.run(plan)
        exploration.record(plan, run)
        ends[plan] = run.outcome
    return ends
