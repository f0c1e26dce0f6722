"""
A canary, for people: how it stands, and what is done with it by hand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..._clock import Clock
from ..._exceptions import ConfigurationError, MeshError, StoreError
from ..._public import public
from ..._redact import redacted_error
from ...routing.canary import (
    Analysis,
    CanaryState,
    Progress,
    analysis_of,
    pause,
    promote,
    resume,
    rollback,
)
from .._background import Background
from ._rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStatus:
    """
    How a canary stands, as this process knows it.

    *weight* is its share of the calls now, from 0 to 1, and *reason* why. *revision* is
    what this process would roll out; *rolling* what the record is of, another one only
    while documents differ. *analysis* is what is known of its calls since the last check.
    *leader* is the process that advances it, *leads* whether that is this one. *store* is
    where they agree: `process` when each has a canary of its own. While *error* says why
    the store cannot be reached, the share stays as it was.
    """

    service: str
    route: str
    revision: str
    state: CanaryState = CanaryState.WAITING
    weight: float = 0.0
    reason: str = "its record was not read yet"
    rolling: str = ""
    analysis: Analysis | None = None
    failed: int = 0
    generation: int = 0
    leader: str = ""
    leads: bool = False
    store: str = "process"
    error: str | None = None

    @property
    def reachable(self) -> bool:
        """Whether its store was reached the last time."""
        return self.error is None

    def __str__(self) -> str:
        led = "this process" if self.leads else self.leader or "nobody"
        touch = "" if self.error is None else f", which cannot be reached: {self.error}"
        return (
            f"{self.service}/{self.route}: {self.revision} is {self.state.value} at"
            f" {self.weight:.1%} of the calls: {self.reason}"
            f" (led by {led}, kept in {self.store}{touch})"
        )


def status_of(rollout: Rollout) -> CanaryStatus:
    """What is known of a rollout, without asking the store."""
    record, error = rollout.record, rollout.error
    about: dict[str, Any] = {
        "service": rollout.service,
        "route": rollout.route,
        "revision": rollout.revision,
        "store": rollout.store_name,
        "error": None if error is None else redacted_error(error),
    }
    if record is None:
        return CanaryStatus(**about)
    progress = record.progress
    return CanaryStatus(
        **about,
        state=progress.state,
        weight=rollout.share or 0.0,
        reason=rollout.reason(record),
        rolling=progress.revision,
        analysis=analysis_of(record, rollout.options),
        failed=progress.failed,
        generation=record.generation,
        leader=record.holder,
        leads=record.holder == rollout.me,
    )


@public
class Canary:
    """
    One canary of a mesh, as `Mesh.canary(service)` gives it.

    What is done by hand is written to its store under compare-and-set, so that it is true
    for every process, and this one has taken it over when the function returns. What a
    state does not know, such as to pause what was rolled back, changes nothing: the status
    that is returned tells.

    Thread-safe. Blocks until the store has answered: in asynchronous code, call it in a
    worker thread. Raises StoreError when the store does not answer, and nothing was changed
    as far as is known.
    """

    def __init__(
        self, find: Callable[[], Rollout], background: Background, wall: Clock, timeout: float
    ) -> None:
        self._find = find
        self._background = background
        self._wall = wall
        self._timeout = timeout

    def status(self) -> CanaryStatus:
        """How it stands, as this process knows it; does not ask the store, and never blocks."""
        return status_of(self._find())

    def promote(self) -> CanaryStatus:
        """Give it every call, or go on in steps of *step_weight_promotion*."""
        rollout = self._find()
        return self._do(rollout, partial(promote, options=rollout.options, now=self._wall()))

    def rollback(self, reason: str = "rolled back by hand") -> CanaryStatus:
        """Give it no call until there is another revision; also after it was promoted."""
        return self._do(self._find(), partial(rollback, now=self._wall(), reason=reason))

    def pause(self, reason: str = "paused by hand") -> CanaryStatus:
        """Keep its share as it is; checks go on, and may roll it back."""
        return self._do(self._find(), partial(pause, reason=reason))

    def resume(self) -> CanaryStatus:
        """Go on after a pause."""
        return self._do(self._find(), resume)

    def _do(self, rollout: Rollout, change: Callable[[Progress], Progress]) -> CanaryStatus:
        if threading.get_ident() == rollout.thread:
            raise MeshError("a listener cannot wait for the canary: its thread would do the work")
        future: Future[None] = Future()
        self._background.start_soon(_carry_out, future, rollout, change)
        try:
            future.result(self._timeout)
        except ConfigurationError:
            raise
        except Exception as exc:
            said = redacted_error(exc) if str(exc) else "it did not answer in time"
            raise StoreError(
                f"the canary of {rollout.service} was not changed: {said}",
                store=rollout.store_name,
            ) from exc
        return status_of(rollout)


async def _carry_out(
    future: Future[None], rollout: Rollout, change: Callable[[Progress], Progress]
) -> None:
    try:
        await rollout.command(change)
    except BaseException as exc:
        future.set_exception(exc if isinstance(exc, Exception) else TimeoutError("it was stopped"))
        if not isinstance(exc, Exception):
            raise
    else:
        future.set_result(None)
