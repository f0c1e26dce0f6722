"""
Breakers and ejections that never happen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ._finding import Told
from ._view import View, seconds


def no_trigger(view: View) -> Iterator[Told]:
    """A breaker that is on, and nothing that opens it."""
    breaker = view.settings.breaker
    triggers = (breaker.consecutive_failures, breaker.failure_ratio, breaker.slow_call_duration)
    if breaker.enabled and all(trigger is None for trigger in triggers):
        yield Told(
            view.anchor(("breaker", "failure_ratio"), ("breaker",)),
            "consecutive_failures, failure_ratio and slow_call_duration are null: nothing opens"
            " the breaker",
            "set one of them, or breaker: false",
        )


def slow_beyond_the_end(view: View) -> Iterator[Told]:
    """A call that would be slow has been ended before it is."""
    breaker, settings = view.settings.breaker, view.settings
    limits = [each for each in (settings.attempt_timeout, settings.timeout) if each is not None]
    slow = breaker.slow_call_duration
    if breaker.enabled and slow is not None and limits and slow >= min(limits):
        yield Told(
            view.anchor(("breaker", "slow_call_duration"), ("attempt_timeout",), ("timeout",)),
            f"an attempt is slow after {seconds(slow)}, and is ended after {seconds(min(limits))}:"
            " slow_call_ratio adds nothing to failure_ratio",
            f"breaker: {{slow_call_duration: {min(limits) / 2:.2g}}}",
        )


def unreachable_minimum(view: View) -> Iterator[Told]:
    """Each endpoint has a breaker of its own, and so only its share of the calls."""
    breaker, hosts = view.settings.breaker, view.hosts or 1
    ratios = breaker.failure_ratio is not None or breaker.slow_call_duration is not None
    if not breaker.enabled or not ratios or not view.rate or breaker.sampling_count is not None:
        return
    seen = view.rate * breaker.sampling_duration / hosts
    if seen >= breaker.minimum_throughput:
        return
    needed = math.ceil(breaker.minimum_throughput * hosts / view.rate)
    left = (
        "nothing can open it"
        if breaker.consecutive_failures is None
        else f"only {breaker.consecutive_failures} failures in a row can open it"
    )
    remedy = f"breaker: {{sampling_duration: {needed:d}}}"
    if seen >= 2:
        remedy += f", or minimum_throughput: {math.floor(seen / 2) or 1}"
    yield Told(
        view.anchor(("breaker", "minimum_throughput"), ("breaker", "sampling_duration")),
        f"at {view.rate:g} calls/s the breaker of {_each(view.hosts)} sees"
        f" {seen:.3g} outcomes in {seconds(breaker.sampling_duration)}, and a ratio counts from"
        f" minimum_throughput {breaker.minimum_throughput}: {left}",
        f"{remedy}, or sampling_count: {breaker.minimum_throughput}",
    )


def _each(hosts: int | None) -> str:
    if hosts is None:
        return "an endpoint that gets all of them"
    return "the only endpoint" if hosts == 1 else f"each of {hosts} endpoints"


def short_lease(view: View) -> Iterator[Told]:
    """A probe that is still under way when its place is given to another."""
    breaker, settings = view.settings.breaker, view.settings
    limits = [each for each in (settings.attempt_timeout, settings.timeout) if each is not None]
    said = view.says("breaker", "probe_lease")  # the default is for timeouts of every length
    if breaker.enabled and said and limits and breaker.probe_lease < min(limits):
        yield Told(
            view.anchor(("breaker", "probe_lease")),
            f"a probe may take {seconds(min(limits))}, and after {seconds(breaker.probe_lease)}"
            " its place is given to the next one",
            f"breaker: {{probe_lease: {min(limits):g}}}, or a shorter attempt_timeout",
        )


def no_ejection(view: View) -> Iterator[Told]:
    """A limit that lets no endpoint be ejected."""
    outlier, hosts = view.settings.outlier, view.hosts
    if not outlier.enabled:
        return
    if not outlier.max_ejection_ratio:
        yield Told(
            view.anchor(("outlier", "max_ejection_ratio")),
            "max_ejection_ratio is 0: no endpoint is ever ejected",
            "outlier: false, or max_ejection_ratio: 0.5",
        )
    elif hosts is not None and hosts <= outlier.min_healthy and view.says("outlier", "min_healthy"):
        yield Told(
            view.anchor(("outlier", "min_healthy")),
            f"of {hosts} endpoints min_healthy {outlier.min_healthy} have to stay: none is ever"
            " ejected",
            f"outlier: {{min_healthy: {max(hosts - 1, 0)}}}",
        )


def too_few_to_compare(view: View) -> Iterator[Told]:
    """A comparison of endpoints that needs more of them than there are."""
    outlier, hosts = view.settings.outlier, view.hosts
    if not outlier.enabled or hosts is None or hosts < 2:
        return
    keys = ("success_rate_factor", "minimum_hosts", "request_volume")
    if not any(view.says("outlier", key) for key in keys):
        return  # the default is for services of every size
    # One bad endpoint among n, by the population's deviation, is sqrt(n - 1) of it below
    # the mean, however bad it is.
    reach = math.sqrt(hosts - 1)
    if hosts < outlier.minimum_hosts:
        why = f"minimum_hosts is {outlier.minimum_hosts}"
        remedy = f"outlier: {{minimum_hosts: {hosts}}}"
        if reach <= outlier.success_rate_factor:
            remedy += f" with success_rate_factor: {math.floor(reach * 9) / 10:g}"
    elif reach <= outlier.success_rate_factor:
        why = (
            f"one of {hosts} is at most {reach:.3g} standard deviations below their mean, and"
            f" success_rate_factor is {outlier.success_rate_factor:g}"
        )
        remedy = f"outlier: {{success_rate_factor: {math.floor(reach * 9) / 10:g}}}"
    else:
        return
    yield Told(
        view.anchor(*(("outlier", key) for key in keys)),
        f"{why}: of {hosts} endpoints none is ever ejected for its success rate",
        f"{remedy}, or failure_ratio, which compares nobody",
    )


def unreachable_volume(view: View) -> Iterator[Told]:
    """An interval in which no endpoint gets as many requests as count."""
    outlier, hosts = view.settings.outlier, view.hosts
    if not outlier.enabled or not view.rate or hosts is None or hosts < outlier.minimum_hosts:
        return
    seen = view.rate * outlier.interval / hosts
    if seen < outlier.request_volume:
        needed = math.ceil(outlier.request_volume * hosts / view.rate)
        yield Told(
            view.anchor(("outlier", "request_volume"), ("outlier", "interval"), ("outlier",)),
            f"at {view.rate:g} calls/s each of {hosts} endpoints gets {seen:.3g} requests in an"
            f" interval of {seconds(outlier.interval)}, and is compared from request_volume"
            f" {outlier.request_volume}: none is ever ejected for its success rate",
            f"outlier: {{interval: {needed:d}}}, or request_volume: {max(math.floor(seen), 1)}",
        )


def ejection_into_panic(view: View) -> Iterator[Told]:
    """Ejections that are undone by the panic they cause."""
    outlier, panic = view.settings.outlier, view.settings.panic
    left = 1 - outlier.max_ejection_ratio
    if outlier.enabled and panic.threshold and left < panic.threshold:
        yield Told(
            view.anchor(("outlier", "max_ejection_ratio"), ("panic", "threshold"), ("panic",)),
            f"ejecting up to {outlier.max_ejection_ratio:.0%} leaves {left:.0%}, which is below the"
            f" panic threshold of {panic.threshold:.0%}: then ejections are ignored",
            f"outlier: {{max_ejection_ratio: {1 - panic.threshold:g}}}, or panic: {{threshold:"
            f" {max(left, 0):.2g}}}",
        )
