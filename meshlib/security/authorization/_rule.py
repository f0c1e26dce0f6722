"""
One rule, compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ._options import RuleOptions
from ._patterns import (
    Pattern,
    accepts_any,
    caller_pattern,
    path_pattern,
    service_pattern,
    text_pattern,
)

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values."""


class Rule:
    """
    Says whether it takes a call. Never changes, so it is thread-safe.

    What refuses is generous where what allows is strict: it takes a path with and without a
    slash at its end, a method in any case, and a header of which any value fits. So what a
    server treats alike is refused alike.
    """

    __slots__ = (
        "allows", "callers", "headers", "ignore_case", "methods", "name", "not_callers",
        "not_methods", "not_path", "path", "services", "shadow",
    )  # fmt: skip

    def __init__(self, options: RuleOptions, *, ignore_case: bool = False) -> None:
        self.name = options.name
        self.allows = options.action == "allow"
        self.shadow = options.shadow
        self.ignore_case = ignore_case
        self.callers = _compiled(options.callers, caller_pattern)
        self.not_callers = _compiled(options.not_callers, caller_pattern)
        self.services = _compiled(options.services, service_pattern)
        self.methods = options.methods
        self.not_methods = options.not_methods
        self.path = _paths(options.path, ignore_case)
        self.not_path = _paths(options.not_path, ignore_case)
        self.headers = tuple(
            (name.encode("ascii"), tuple(map(text_pattern, patterns or ())))
            for name, patterns in options.headers.items()
        )

    def takes(
        self, callers: Sequence[str], service: str, method: str, path: str, headers: Headers
    ) -> bool:
        """
        Whether all that it says is true of a call.

        *callers* are the verified names of who calls, none for nobody verified.
        """
        if self.callers is not None and not any(_is(self.callers, one) for one in callers):
            return False
        if self.not_callers is not None and any(_is(self.not_callers, one) for one in callers):
            return False
        if self.services is not None and not accepts_any(self.services, service):
            return False
        return (
            self._takes_method(method)
            and self._takes_path(path)
            and all(self._takes_header(name, wanted, headers) for name, wanted in self.headers)
        )

    def _takes_method(self, method: str) -> bool:
        strict, generous = (method, method.upper()) if self.allows else (method.upper(), method)
        if self.methods is not None and strict not in self.methods:
            return False
        return self.not_methods is None or generous not in self.not_methods

    def _takes_path(self, path: str) -> bool:
        if self.ignore_case:
            path = path.lower()
        return (self.path is None or _accepts(self.path, path, generous=not self.allows)) and (
            self.not_path is None or not _accepts(self.not_path, path, generous=self.allows)
        )

    def _takes_header(self, name: bytes, wanted: Iterable[Pattern], headers: Headers) -> bool:
        values = [value.decode("latin-1") for said, value in headers if said == name]
        some_or_all = all if self.allows else any
        return bool(values) and some_or_all(accepts_any(wanted, value) for value in values)


def _compiled(said: Iterable[str] | None, make: object) -> tuple[Pattern, ...] | None:
    assert callable(make)
    return None if said is None else tuple(make(one) for one in said)


def _paths(said: Iterable[str] | None, ignore_case: bool) -> tuple[Pattern, ...] | None:
    if said is None:
        return None
    return tuple(path_pattern(one, ignore_case=ignore_case) for one in said)


def _accepts(patterns: Iterable[Pattern], path: str, *, generous: bool) -> bool:
    """Whether *path* fits, when *generous* also with or without a slash at its end."""
    if accepts_any(patterns, path):
        return True
    bare = path.rstrip("/")
    return generous and (accepts_any(patterns, f"{bare}/") or accepts_any(patterns, bare))


def _is(patterns: Iterable[Pattern], caller: str) -> bool:
    # A name of DNS and a URL never mean each other: `*.example` is no end of an id.
    url = "/" in caller
    name = caller if url else caller.lower()
    return any(
        pattern.accepts(name)
        for pattern in patterns
        if pattern.kind == "any" or ("/" in pattern.text) is url
    )
