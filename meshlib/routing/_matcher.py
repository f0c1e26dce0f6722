"""
Whether a call is one that a route takes: one alternative of its `match`, compiled.
"""

from __future__ import annotations

from ._info import RouteInfo
from ._match_options import RouteMatch
from ._path import compile_path
from ._sticky import Sticky
from ._text import Condition, compile_texts


class Matcher:
    """
    All conditions of one alternative, the cheap ones first.

    Thread-safe: it never changes.
    """

    __slots__ = (
        "callers",
        "cookies",
        "headers",
        "methods",
        "path",
        "query",
        "share",
        "sticky",
        "tenants",
        "without_headers",
    )

    def __init__(self, options: RouteMatch, sticky: Sticky | None = None) -> None:
        self.methods = options.method
        self.path = None if options.path is None else compile_path(options.path)
        self.callers = options.caller
        self.tenants = options.tenant
        self.headers = compile_texts(options.headers)
        self.without_headers = compile_texts(options.without_headers)
        self.query = compile_texts(options.query)
        self.cookies = compile_texts(options.cookies)
        self.share = options.percentage / 100.0
        self.sticky = sticky

    def matches(self, info: RouteInfo) -> bool:
        """Whether all of it is true of a call."""
        if self.methods and info.method not in self.methods:
            return False
        if self.path is not None and not self.path.accepts(info.path):
            return False
        if self.callers and info.caller not in self.callers:
            return False
        if self.tenants and info.tenant not in self.tenants:
            return False
        for name, condition in self.headers:
            if not condition.accepts(info.header(name)):
                return False
        for name, condition in self.without_headers:
            if condition.accepts(info.header(name)):
                return False
        for name, condition in self.query:
            if not condition.accepts(info.query(name)):
                return False
        for name, condition in self.cookies:
            if not condition.accepts(info.cookie(name)):
                return False
        # Last, so that only calls which all else fits are counted and draw.
        return self.share >= 1.0 or self._position(info) < self.share

    def why_not(self, info: RouteInfo) -> str:
        """What is not true of a call, in words; empty when it matches. Draws like `matches`."""
        if self.methods and info.method not in self.methods:
            return f"method {info.method} is not {_any_of(self.methods)}"
        if self.path is not None and not self.path.accepts(info.path):
            return f"path {info.path} is not {self.path}"
        if self.callers and info.caller not in self.callers:
            return f"caller {info.caller!r} is not {_any_of(self.callers)}"
        if self.tenants and info.tenant not in self.tenants:
            return f"tenant {info.tenant!r} is not {_any_of(self.tenants)}"
        for name, condition in self.headers:
            if not condition.accepts(info.header(name)):
                return _differs("header", name, info.header(name), condition)
        for name, condition in self.without_headers:
            if condition.accepts(info.header(name)):
                return f"header {name} is {condition}, and must not be"
        for name, condition in self.query:
            if not condition.accepts(info.query(name)):
                return _differs("query parameter", name, info.query(name), condition)
        for name, condition in self.cookies:
            if not condition.accepts(info.cookie(name)):
                return _differs("cookie", name, info.cookie(name), condition)
        if self.share < 1.0:
            position = self._position(info)
            if position >= self.share:
                return f"it is not in the {100.0 * self.share:g} % (at {100.0 * position:.2f} %)"
        return ""

    def _position(self, info: RouteInfo) -> float:
        return info.draw() if self.sticky is None else self.sticky.position(info)


def _differs(what: str, name: str, value: str | None, condition: Condition) -> str:
    # Not its value: this may be a token, and reasons are printed and logged.
    found = "is absent" if value is None else "has another value"
    return f"{what} {name} {found}, not {condition}"


def _any_of(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
