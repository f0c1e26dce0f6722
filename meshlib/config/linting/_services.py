"""
Queues, checks and endpoints that do not do what they seem to.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Told
from ._view import View, seconds


def no_deadline(view: View) -> Iterator[Told]:
    """A call that may last for ever."""
    settings = view.settings
    if settings.timeout is None and settings.attempt_timeout is None:
        yield Told(
            view.anchor(("timeout",)),
            "timeout and attempt_timeout are null: a call to an endpoint that never answers"
            " lasts for ever, unless the caller has a deadline",
            "timeout: 15s, which is the default, or attempt_timeout",
        )


def wait_beyond_deadline(view: View) -> Iterator[Told]:
    """A queue in which a call waits until its deadline."""
    bulkhead, deadline = view.settings.bulkhead, view.settings.timeout
    if bulkhead.max_concurrency is None or not bulkhead.max_queue or deadline is None:
        return
    if not view.says("bulkhead", "max_wait"):
        return  # the default is for timeouts of every length, and the deadline ends it, too
    if bulkhead.max_wait >= deadline:
        yield Told(
            view.anchor(("bulkhead", "max_wait")),
            f"a call may wait {seconds(bulkhead.max_wait)} in the bulkhead's queue, and its"
            f" deadline is {seconds(deadline)}: one that waits so long fails in any case",
            f"bulkhead: {{max_wait: {deadline / 4:.2g}}}",
        )


def slow_check(view: View) -> Iterator[Told]:
    """A check that may still be under way when the next one is due."""
    check = view.settings.health_check
    if check is None:
        return
    intervals = {
        "interval": check.interval,
        "edge_interval": check.edge_interval,
        "unhealthy_interval": check.unhealthy_interval,
    }
    for key, interval in intervals.items():
        if interval is not None and check.timeout >= interval:
            yield Told(
                view.anchor(("health_check", "timeout"), ("health_check", key)),
                f"a check may take {seconds(check.timeout)}, and the next one is due after"
                f" {seconds(interval)} ({key}): an endpoint that hangs is noticed later than"
                " interval and threshold say",
                f"health_check: {{timeout: {interval / 2:.2g}}}",
            )
            return


def one_level(view: View) -> Iterator[Told]:
    """A priority to which there is no other."""
    levels = {endpoint.priority for endpoint in view.settings.endpoints}
    if len(levels) == 1 and levels != {0}:
        (level,) = levels
        yield Told(
            (*view.place, "endpoints", 0, "priority"),
            f"all {len(view.settings.endpoints)} endpoints have priority {level}: there is no"
            " other level to fail over to or from",
            "leave priority out, or give the endpoints to prefer priority: 0",
        )
