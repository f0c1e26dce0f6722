"""
From the document to policies: what is validated once, and read on every call.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from http.cookies import CookieError, SimpleCookie
from typing import Any

from .._context import client_ip
from ..balancing import (
    BalancerOptions,
    HashKey,
    Levels,
    Subsetting,
    ZoneAware,
    default_keys,
    learns,
    parse_locality,
)
from ..config import FallbackOptions, ServiceConfig
from ..retry import Classifier, RetryOptions, RetryPolicy
from ..security import Credentials
from ..transport import ERRORS, KeySource, LevelsOf, Policies

_HASHING = frozenset({"ip_hash", "ring_hash", "maglev"})
_INFINITE = float("inf")
_LOGGER = logging.getLogger("meshlib")


_last_retries: list[tuple[RetryOptions, random.Random, RetryPolicy, Classifier]] = []
"""What the service before was built with, which most services of a document can share."""


def _retries(options: RetryOptions, rng: random.Random) -> tuple[RetryPolicy, Classifier]:
    """What decides about retries; neither holds anything of a call or of a service."""
    for known, same_rng, policy, classifier in _last_retries:
        if same_rng is rng and (known is options or known == options):
            return policy, classifier
    policy, classifier = RetryPolicy(options, rng=rng), Classifier(ERRORS, options.statuses)
    _last_retries[:] = [(options, rng, policy, classifier)]
    return policy, classifier


def build_policies(
    config: ServiceConfig,
    rng: random.Random,
    *,
    name: str = "",
    outside: str = "",
    tls: Credentials | None = None,
) -> Policies:
    """
    The policies of the service called *name*.

    *outside* `passthrough` is for an outside origin that is sent to as httpx would; *tls*
    are the credentials that its endpoints are spoken to with.
    """
    if outside == "passthrough":
        config = ServiceConfig.model_validate(
            {
                "timeout": None,
                "retry": False,
                "breaker": False,
                "outlier": False,
                "bulkhead": False,
            }
        )
    authority = config.authority
    if authority == "service":
        authority = (
            name if outside in ("", "discovery") else "endpoint"
        )  # an origin is named by its own address
    retry, classifier = _retries(config.retry, rng)
    own = parse_locality(config.own_zone or "")
    levels: LevelsOf = default_keys
    if config.prefer is not None:
        levels = Levels(config.prefer, own, lambda about: _LOGGER.warning("%s: %s", name, about))
    zones, subsetting = config.zone_aware, config.subsetting
    return Policies(
        timeout=_INFINITE if config.timeout is None else config.timeout,
        attempt_timeout=_INFINITE if config.attempt_timeout is None else config.attempt_timeout,
        balancer=config.balancer,
        key_source=_key_source(config.balancer),
        retry=retry,
        retry_options=config.retry,
        methods=config.retry.methods,
        max_attempts=config.retry.max_attempts,
        classifier=classifier,
        classes=classifier.by_status,
        hedge=config.hedge,
        breaker=config.breaker,
        outlier=config.outlier,
        bulkhead=config.bulkhead,
        slow_start=config.slow_start,
        panic=config.panic,
        fallback=config.fallback,
        authority=None if authority == "endpoint" else authority.encode("ascii"),
        grpc_timeout=config.grpc_timeout,
        idempotent=config.idempotent,
        ready_timeout=_INFINITE if config.discovery_timeout is None else config.discovery_timeout,
        throttle=config.throttle,
        wire_headers=outside != "passthrough",
        load_reports=_learns(config.balancer),
        levels=levels,
        zones=None if zones is None else ZoneAware(zones, own, config.panic.threshold),
        tls=tls,
        subsetting=None
        if subsetting is None
        else Subsetting(subsetting, levels=levels, by=_versions(config), identity=_this_process),
    )


def _versions(config: ServiceConfig) -> tuple[str, ...]:
    """The metadata that tell versions of a service apart, as far as its own routes show."""
    used = {"version"}
    for route in config.routes:
        used.update(route.subset, *(each.subset for each in route.split))
        used.update(*(each.subset for each in route.mirror))
    return tuple(sorted(used))


def _this_process() -> str:
    """What no other process is called."""
    return f"{socket.gethostname()}/{os.getpid()}"


def cache_settings(config: ServiceConfig) -> tuple[float, int] | None:
    """Seconds and number of the responses a service keeps to fall back to."""
    fallback = config.fallback
    if isinstance(fallback, FallbackOptions) and fallback.cached is not None:
        return fallback.cached, fallback.cached_size
    return None


def _learns(balancer: Any) -> bool:
    """Whether *balancer* learns from reports of load; one of your own may, too."""
    if isinstance(balancer, BalancerOptions):
        return balancer.name == "prequal"
    return learns(balancer)


def _key_source(balancer: Any) -> KeySource | None:
    if not isinstance(balancer, BalancerOptions) or balancer.name not in _HASHING:
        return None
    key = balancer.key if balancer.name != "ip_hash" else HashKey(client_ip=True)
    if key.header is not None:
        header = key.header
        return lambda request: request.headers.get(header)
    if key.cookie is not None:
        cookie = key.cookie
        return lambda request: _cookie(request.headers.get("cookie", ""), cookie)
    if key.query is not None:
        query = key.query
        return lambda request: request.url.params.get(query)
    if key.path:
        return lambda request: request.url.path
    return lambda request: client_ip()


def _cookie(header: str, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value
