"""
From the records of a registry to endpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .._exceptions import ConfigurationError, DiscoveryError
from .._models import Endpoint

_LOGGER = logging.getLogger("meshlib")
_Record = TypeVar("_Record")


def endpoints_of(
    records: Iterable[_Record],
    parse: Callable[[_Record], Endpoint | None],
    *,
    service: str,
    source: str,
) -> tuple[Endpoint, ...]:
    """
    The endpoints that *parse* makes of *records*, which it may leave out by None.

    A record that cannot be called is left out with a warning, since one bad registration
    must not hold everybody's list. Raises DiscoveryError when every record is bad: that
    does not say that the service has no endpoints.
    """
    endpoints: list[Endpoint] = []
    problem: ConfigurationError | None = None
    for record in records:
        try:
            endpoint = parse(record)
        except ConfigurationError as exc:
            _LOGGER.warning("%s: %s: left out: %s", source, service, exc)
            problem = exc
            continue
        if endpoint is not None:
            endpoints.append(endpoint)
    if problem is not None and not endpoints:
        raise DiscoveryError(
            f"nothing that the source {source} sent can be called: {problem}",
            service=service,
            source=source,
        ) from problem
    return tuple(endpoints)


def malformed(service: str, source: str, what: str, seen: Any) -> DiscoveryError:
    """The error for an answer that is not what the server's documentation says."""
    return DiscoveryError(
        f"{source} sent what cannot be understood: {what}, not {seen!r:.200}",
        service=service,
        source=source,
    )
