"""Whether a rule applies: what is named must match, and what is not named matches all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .._models import Endpoint
from ._options import FaultMatch, TextMatch

Predicate = Callable[[str], object]


class Matcher:
    """
    The compiled `match` part of a rule.

    Thread-safe: it never changes.
    """

    __slots__ = ("_endpoint", "_headers", "_methods", "_path", "_route", "_service", "_source")

    def __init__(self, options: FaultMatch) -> None:
        self._service = options.service
        self._source = options.source
        self._route = options.route
        self._endpoint = None if options.endpoint is None else _address(options.endpoint)
        self._methods = options.method
        self._path = None if options.path is None else _text(options.path)
        self._headers = tuple(
            (name.lower(), _text(match)) for name, match in options.headers.items()
        )

    def concerns(self, service: str, source: str) -> bool:
        """Whether any call from *source* to *service* could match."""
        return self._service in (None, service) and self._source in (None, source)

    def matches(
        self,
        *,
        endpoint: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        route: str = "",
    ) -> bool:
        """
        Whether a request to a concerned service matches.

        *endpoint* is an address, its host and port alone, or empty before one is picked.
        *route* is the call's, as `service/route`, or empty. Names of *headers* may be in any case.
        """
        if self._endpoint is not None and not _same(self._endpoint, endpoint):
            return False
        if self._route is not None and self._route not in (route, route.partition("/")[2]):
            return False
        if self._methods and method.upper() not in self._methods:
            return False
        if self._path is not None and not self._path(path):
            return False
        return not self._headers or self._headers_match(headers)

    def _headers_match(self, headers: Mapping[str, str]) -> bool:
        lowered = {name.lower(): value for name, value in headers.items()}
        for name, accepts in self._headers:
            value = lowered.get(name)
            if value is None or not accepts(value):
                return False
        return True


def _text(options: TextMatch) -> Predicate:
    if options.exact is not None:
        return options.exact.__eq__
    if options.prefix is not None:
        prefix = options.prefix
        return lambda text: text.startswith(prefix)
    return re.compile(options.regex or "").fullmatch


def _address(text: str) -> str:
    # A rule may name an endpoint by its URL or, as logs do, by host and port alone.
    return Endpoint(text).address if "://" in text else text.lower()


def _same(wanted: str, endpoint: str) -> bool:
    if "://" in wanted and "://" in endpoint:
        return wanted == endpoint
    return _host_and_port(wanted) == _host_and_port(endpoint)


def _host_and_port(address: str) -> str:
    return address.rpartition("://")[2].partition("/")[0]
