"""
A `ServedRequest` that is read from its headers when somebody asks.

Most requests make no call, and nobody asks what their calls would carry on.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .._context import ServedRequest
from ._reading import Said, served_request_of

_FIELDS = tuple(field.name for field in fields(ServedRequest))
_new = object.__new__
_set = object.__setattr__  # it is frozen


def _itself(one: ServedRequest) -> ServedRequest:
    """What a copy is made by: of what was read."""
    return one


class LateServedRequest(ServedRequest):
    """Equal to what it is read as. Thread-safe: reading it twice gives the same."""

    __slots__ = ("_said",)

    _said: Said

    def __getattr__(self, name: str) -> Any:
        # Called for what has no value yet.
        if name not in _FIELDS:
            raise AttributeError(f"a served request has no attribute {name!r}")
        read = served_request_of(self._said)
        for field in _FIELDS:
            _set(self, field, getattr(read, field))
        return getattr(read, name)

    def read(self) -> ServedRequest:
        """The same, without anything left to be read."""
        return ServedRequest(**{name: getattr(self, name) for name in _FIELDS})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LateServedRequest):
            other = other.read()
        return self.read() == other

    def __hash__(self) -> int:
        return hash(self.read())

    def __repr__(self) -> str:
        return repr(self.read())

    def __reduce__(self) -> Any:
        return _itself, (self.read(),)


def late_served_request(said: Said) -> ServedRequest:
    """The request of which so much is known."""
    served = _new(LateServedRequest)
    _set(served, "_said", said)
    return served
