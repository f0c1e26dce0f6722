"""
Every rule, by its name.

Names say the family: ML0 retries, hedges and time; ML1 breakers and ejection; ML2 routes;
ML3 endpoints, checks and faults; ML4 who may call whom. A name is never given to another rule.
"""

from __future__ import annotations

from . import _authorization, _breakers, _faults, _hedges, _retries, _routes, _services
from ._finding import Rule

INVALID = "ML000"
"""The name of what `load_config` refuses; it cannot be ignored."""

RULES: tuple[Rule, ...] = (
    Rule(
        "ML001",
        "warning",
        "The attempts, each with its whole `attempt_timeout`, and the back-offs between them"
        " take longer than `timeout`.",
        "calls",
        _retries.attempts_beyond_deadline,
    ),
    Rule(
        "ML002",
        "warning",
        "`attempt_timeout` is not below `timeout`, so it never ends an attempt.",
        "calls",
        _retries.endless_attempt,
    ),
    Rule(
        "ML003",
        "warning",
        "The back-off before the first retry reaches `timeout`.",
        "calls",
        _retries.backoff_beyond_deadline,
    ),
    Rule(
        "ML004",
        "warning",
        "POST or PATCH is sent again without an `Idempotency-Key`.",
        "calls",
        _retries.unsafe_methods,
    ),
    Rule(
        "ML005",
        "warning",
        "Over `--hops` hops, the budget lets retries more than double the load of the last one.",
        "calls",
        _retries.amplification,
    ),
    Rule(
        "ML006",
        "error",
        "Retries are on, and their budget pays for none.",
        "calls",
        _retries.no_budget,
    ),
    Rule(
        "ML007",
        "error",
        "A hedge starts after the attempt was ended, so never.",
        "calls",
        _hedges.hedge_after_the_end,
    ),
    Rule(
        "ML008",
        "error",
        "Hedges are on, and `retry.max_attempts` is 1, which counts them.",
        "calls",
        _hedges.hedge_without_attempts,
    ),
    Rule(
        "ML009",
        "info",
        "`hedge.max_hedges` is more than `retry.max_attempts` allows.",
        "calls",
        _hedges.too_many_hedges,
    ),
    Rule(
        "ML010",
        "warning",
        "A hedge can only ask the endpoint that is slow already.",
        "service",
        _hedges.hedge_to_the_same,
    ),
    Rule(
        "ML011",
        "warning",
        "`bulkhead.max_wait` is not below `timeout`.",
        "calls",
        _services.wait_beyond_deadline,
    ),
    Rule(
        "ML012",
        "info",
        "Neither a call nor an attempt has an end.",
        "calls",
        _services.no_deadline,
    ),
    Rule(
        "ML101",
        "warning",
        "At the rate given, a breaker sees fewer outcomes than `minimum_throughput`.",
        "service",
        _breakers.unreachable_minimum,
    ),
    Rule("ML102", "error", "A breaker is on that nothing opens.", "calls", _breakers.no_trigger),
    Rule(
        "ML103",
        "warning",
        "`breaker.slow_call_duration` is not below what ends an attempt.",
        "calls",
        _breakers.slow_beyond_the_end,
    ),
    Rule(
        "ML104",
        "info",
        "A probe may take longer than `breaker.probe_lease` keeps its place.",
        "calls",
        _breakers.short_lease,
    ),
    Rule(
        "ML111",
        "error",
        "Ejection is on, and its limits let no endpoint be ejected.",
        "service",
        _breakers.no_ejection,
    ),
    Rule(
        "ML112",
        "warning",
        "There are too few endpoints for one to be ejected for its success rate.",
        "service",
        _breakers.too_few_to_compare,
    ),
    Rule(
        "ML113",
        "warning",
        "At the rate given, no endpoint gets `outlier.request_volume` requests in an interval.",
        "service",
        _breakers.unreachable_volume,
    ),
    Rule(
        "ML114",
        "warning",
        "As many ejections as are allowed cause a panic, which ignores them.",
        "service",
        _breakers.ejection_into_panic,
    ),
    Rule("ML201", "warning", "No call can take a route.", "service", _routes.never_taken),
    Rule("ML202", "warning", "A destination has the weight 0.", "service", _routes.weightless),
    Rule(
        "ML203",
        "error",
        "A destination is a service that nobody can find.",
        "service",
        _routes.unknown_service,
    ),
    Rule(
        "ML204",
        "warning",
        "None of the endpoints that are listed is in a subset.",
        "service",
        _routes.empty_subset,
    ),
    Rule(
        "ML301",
        "info",
        "All endpoints have the same `priority`, other than 0.",
        "service",
        _services.one_level,
    ),
    Rule(
        "ML302",
        "warning",
        "A health check may take longer than it is until the next one.",
        "service",
        _services.slow_check,
    ),
    Rule(
        "ML303",
        "warning",
        "Faults are injected in production.",
        "document",
        _faults.faults_in_production,
    ),
    Rule(
        "ML304",
        "warning",
        "Faults act in every environment, because none are listed.",
        "document",
        _faults.faults_anywhere,
    ),
    Rule(
        "ML305",
        "error",
        "A rule waits for headers that are heeded nowhere.",
        "document",
        _faults.headers_nowhere,
    ),
    Rule(
        "ML306",
        "warning",
        "Faults may run in production, and nothing outside of the process stops them.",
        "document",
        _faults.no_kill_switch,
    ),
    Rule(
        "ML401",
        "warning",
        "A rule of who may call whom decides nothing.",
        "document",
        _authorization.rule_without_effect,
    ),
)
