"""Whether a rule applies: what is named must match, and what is not named matches all."""

from __future__ import annotations

import re
from collections.abc import Callable

from .._models import Endpoint
from ._facts import Facts
from ._match_options import FaultMatch, TextMatch

Predicate = Callable[[str | None], object]
"""Whether a text, or None for none, is accepted."""


class Matcher:
    """
    The compiled `match` part of a rule.

    Thread-safe: it never changes.
    """

    __slots__ = (
        "_endpoint",
        "_headers",
        "_methods",
        "_path",
        "_query",
        "_route",
        "_service",
        "_source",
        "_subset",
        "_tenants",
    )

    def __init__(self, options: FaultMatch) -> None:
        self._service = options.service
        self._source = options.source
        self._route = options.route
        self._endpoint = None if options.endpoint is None else _address(options.endpoint)
        self._subset = tuple(options.subset.items())
        self._methods = options.method
        self._tenants = options.tenant
        self._path = None if options.path is None else _text(options.path)
        self._headers = tuple(
            (name.lower(), _text(match)) for name, match in options.headers.items()
        )
        self._query = tuple((name, _text(match)) for name, match in options.query.items())

    def concerns(self, service: str, source: str) -> bool:
        """Whether any call from *source* to *service* could match."""
        return self._service in (None, service) and self._source in (None, source)

    def matches(self, facts: Facts) -> bool:
        """
        Whether a request to a concerned service matches.

        Its endpoint is an address, its host and port alone, or empty before one is picked.
        Its route is the call's, as `service/route`, or empty.
        """
        if self._endpoint is not None and not _same(self._endpoint, facts.endpoint):
            return False
        if self._route is not None and self._route not in (
            facts.route,
            facts.route.partition("/")[2],
        ):
            return False
        if self._methods and facts.method.upper() not in self._methods:
            return False
        if self._tenants and facts.tenant not in self._tenants:
            return False
        if self._path is not None and not self._path(facts.path):
            return False
        return self._rest_matches(facts)

    def _rest_matches(self, facts: Facts) -> bool:
        return (
            all(facts.metadata.get(name) in values for name, values in self._subset)
            and all(accepts(facts.header(name)) for name, accepts in self._headers)
            and all(accepts(facts.parameter(name)) for name, accepts in self._query)
        )


def _text(options: TextMatch) -> Predicate:
    if options.present is not None:
        present = options.present
        return lambda text: (text is not None) is present
    if options.exact is not None:
        exact = options.exact
        return lambda text: text == exact
    if options.prefix is not None:
        prefix = options.prefix
        return lambda text: text is not None and text.startswith(prefix)
    fullmatch = re.compile(options.regex or "").fullmatch
    return lambda text: text is not None and fullmatch(text)


def _address(text: str) -> str:
    # A rule may name an endpoint by its URL or, as logs do, by host and port alone.
    return Endpoint(text).address if "://" in text else text.lower()


def _same(wanted: str, endpoint: str) -> bool:
    if "://" in wanted and "://" in endpoint:
        return wanted == endpoint
    return _host_and_port(wanted) == _host_and_port(endpoint)


def _host_and_port(address: str) -> str:
    return address.rpartition("://")[2].partition("/")[0]
