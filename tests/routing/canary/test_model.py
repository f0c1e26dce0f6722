"""Random walks of several processes that share one record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshlib.routing.canary import (
    CanaryOptions,
    CanaryRecord,
    CanaryState,
    CheckVerdict,
    Counts,
    Progress,
    Report,
    advance,
    command,
    contribute,
    evidence_of,
    format_record,
    judge,
    parse_record,
    pause,
    promote,
    resume,
    rollback,
    suspend,
)

RUNNING = (CanaryState.PROGRESSING, CanaryState.PAUSED, CanaryState.PROMOTING)
SKEWS = {"a": 0.0, "b": 0.5, "c": -0.4}
STABLE = Counts(calls=300)
REPORTS = [
    None,
    Report(Counts(calls=40), Counts(calls=100)),
    Report(Counts(calls=200), STABLE),
    Report(Counts(calls=200, failed=60), STABLE),
    Report(Counts(calls=200, slow=60), STABLE),
]
WORSE = Report(Counts(calls=200), STABLE, failures=evidence_of(200, 60, 300, 0))


class Agreement(RuleBasedStateMachine):
    """Each process decides on a copy that may be old, and writes under compare-and-set."""

    @initialize(
        promotion=st.sampled_from([None, 0.2]),
        confirm=st.booleans(),
        limit=st.sampled_from([None, 2]),
    )
    def begin(self, promotion: float | None, confirm: bool, limit: int | None) -> None:
        """Nothing is in the store."""
        self.options = CanaryOptions(
            interval=10,
            lease=4,
            max_skew=1,
            failure_threshold=2,
            step_weight_promotion=promotion,
            confirm_promotion=confirm,
            inconclusive_limit=limit,
        )
        self.now = 1000.0
        self.revision = "v1"
        self.store: CanaryRecord | None = None
        self.seen: dict[str, CanaryRecord | None] = dict.fromkeys(SKEWS)
        self.banned: set[str] = set()
        self.used = {""}
        self.checks: list[float] = []
        self.by_hand = False

    def write(self, me: str, changed: CanaryRecord | None) -> bool:
        """Put what *me* made of its copy into the store, if the copy is what is there."""
        old = self.seen[me]
        if changed is None or old != self.store:
            return False
        assert changed == parse_record(format_record(changed))
        assert changed.generation > (0 if old is None else old.generation)
        self.follow(Progress() if old is None else old.progress, changed.progress)
        self.store = self.seen[me] = changed
        return True

    def follow(self, old: Progress, new: Progress) -> None:
        """Hold what must be true of every step."""
        if new.revision != old.revision:
            assert new.weight in (0.0, self.options.initial_weight)
            self.used.add(new.revision)
        elif new.state is CanaryState.ROLLED_BACK:
            self.banned.add(new.revision)
        if new.state in (CanaryState.PROGRESSING, CanaryState.WAITING):
            assert new.weight <= self.options.max_weight

    @rule(me=st.sampled_from(sorted(SKEWS)))
    def read(self, me: str) -> None:
        """A process reads the store."""
        self.seen[me] = self.store

    @rule(
        me=st.sampled_from(sorted(SKEWS)),
        report=st.sampled_from([*REPORTS, REPORTS[2], REPORTS[2], WORSE]),
        fresh=st.booleans(),
    )
    def look(self, me: str, report: Report | None, fresh: bool) -> None:
        """A process advances the record if it may, from a copy that is new or old."""
        if fresh:
            self.seen[me] = self.store
        old = self.seen[me]
        now = self.now + SKEWS[me]
        changed = advance(old, self.options, self.revision, now, me, report)
        if old is not None and old.holder not in ("", me) and now <= old.expires_at:
            assert changed is None  # it is another's
        if not self.write(me, changed):
            return
        assert changed is not None
        if old is None or changed.progress.revision != old.progress.revision:
            self.checks = [self.now]
        elif changed.progress.weight > old.progress.weight:
            # Only a passed check raises it, and no two of them come within an interval.
            rollout = old.rollout if report is None else old.rollout + report
            check = old.check if report is None else old.check + report
            assert CheckVerdict.PASS is judge(self.options.analysis, check, rollout).verdict
            assert self.now - self.checks[-1] >= self.options.interval - 2.0
            self.checks.append(self.now)

    @rule(me=st.sampled_from(sorted(SKEWS)), report=st.sampled_from([*REPORTS[1:], WORSE]))
    def tell(self, me: str, report: Report) -> None:
        """A process adds what it saw; no share moves by that."""
        old = self.seen[me]
        if old is not None:
            changed = contribute(old, self.revision, report)
            if changed is not None:
                assert changed.progress is old.progress
            self.write(me, changed)

    @rule(
        me=st.sampled_from(sorted(SKEWS)),
        what=st.sampled_from(["pause", "resume", "promote", "rollback", "suspend"]),
    )
    def say(self, me: str, what: str) -> None:
        """Somebody commands, anywhere."""
        now = self.now
        changes: dict[str, Callable[[Progress], Progress]] = {
            "pause": pause,
            "resume": resume,
            "promote": partial(promote, options=self.options, now=now),
            "rollback": partial(rollback, now=now),
            "suspend": suspend,
        }
        self.seen[me] = self.store
        if self.store is None:
            return
        old = self.store.progress
        changed = command(self.store, changes[what])
        if self.write(me, changed) and what == "promote":
            self.checks.append(now)
        if changed is not None and what != "promote":
            assert changed.progress.weight in (old.weight, 0.0)
        if changed is not None and what in ("suspend", "rollback"):
            assert 0.0 == changed.share_of(old.revision)

    @rule(seconds=st.sampled_from([1.0, 3.0, 6.0, 11.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def release(self) -> None:
        """There is another revision."""
        self.revision = f"v{len(self.used) + 1}"

    @invariant()
    def what_was_rolled_back_stays_so(self) -> None:
        """No call for a revision that was rolled back, for anyone."""
        if self.store is not None:
            assert all(0.0 == self.store.share_of(each) for each in self.banned)
            assert 0.0 <= self.store.progress.share <= self.store.progress.weight <= 1.0

    @invariant()
    def only_a_rollout_has_a_holder(self) -> None:
        """Where nothing is to be advanced the lease is nobody's, or will not be renewed."""
        store = self.store
        if store is not None and store.progress.state not in RUNNING:
            later = self.now + 100.0
            assert advance(store, self.options, store.progress.revision, later, "z") is None


Agreement.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgreement = Agreement.TestCase
