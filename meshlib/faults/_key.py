"""What of a request tells one caller, or one call, from another."""

from __future__ import annotations

from .._exceptions import ConfigurationError
from .._problems import nearest
from ._facts import Facts

_PLAIN = ("request", "tenant", "endpoint", "method", "path", "route")
_NAMED = ("header", "query")
_FORMS = (*_PLAIN, *(f"{kind}:<name>" for kind in _NAMED))


def check_key(text: str) -> str:
    """*text*, when it is a key; else ConfigurationError with the nearest one."""
    kind, colon, name = text.partition(":")
    if text in _PLAIN or (kind in _NAMED and colon and name):
        return text
    near = nearest(kind, (*_PLAIN, *_NAMED))
    raise ConfigurationError(f"{text!r} is no key; known are {', '.join(_FORMS)}", hint=near)


def key_of(text: str, facts: Facts) -> str:
    """The value of the key *text* in a request; what it does not have is the empty text."""
    if text == "request":
        return f"{facts.method} {facts.path}?{facts.query}"
    kind, _, name = text.partition(":")
    if kind == "header":
        return facts.header(name.lower()) or ""
    if kind == "query":
        return facts.parameter(name) or ""
    return str(getattr(facts, kind))
