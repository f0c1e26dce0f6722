"""
The context of whoever sent a request, read from its headers when somebody asks.

Where nothing traces, nobody may ever ask, and reading costs more than serving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.context import Context

from ._current import attach, detach
from ._propagation import Header, Propagation


class ReceivedContext(Context):
    """
    What *propagation* reads in *headers*. Thread-safe: reading it twice gives the same.

    As any context it never changes, as far as anybody can tell.
    """

    __slots__ = ("_headers", "_propagation")

    def __init__(self, propagation: Propagation, headers: Sequence[Header]) -> None:
        self._propagation = propagation
        self._headers: Sequence[Header] | None = headers

    def _read(self) -> None:
        headers = self._headers
        if headers is None:
            return
        # A propagator that looks at the current context must not come back here.
        token = attach(Context())
        try:
            dict.update(self, self._propagation.extract(headers))
        finally:
            detach(token)
        self._headers = None


def _reading_first(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def read(self: ReceivedContext, *args: Any) -> Any:
        self._read()
        return method(self, *args)

    return read


for _name in (
    "__contains__", "__eq__", "__getitem__", "__iter__", "__len__", "__ne__", "__or__",
    "__repr__", "__reversed__", "__ror__", "copy", "get", "items", "keys", "values",
):  # fmt: skip
    setattr(ReceivedContext, _name, _reading_first(_name))
