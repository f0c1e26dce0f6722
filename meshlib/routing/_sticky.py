"""
Where the key of a call lies between 0 and 1, by which it sticks to a choice.
"""

from __future__ import annotations

from xxhash import xxh64_intdigest

from ._info import RouteInfo
from ._split_options import KeyOptions

WHOLE = 1 << 53
"""Positions there are: as many as random.random() has, each exact as a float."""


def position_of(salt: bytes, key: str) -> float:
    """
    Where *key* lies, from 0 to 1 (1 excluded): evenly spread, and the same everywhere.

    Another *salt* puts it elsewhere, as if drawn anew.
    """
    digest = xxh64_intdigest(salt + b"\0" + key.encode("utf-8", "surrogatepass"))
    return (digest >> 11) / WHOLE


class Sticky:
    """
    Finds the position of calls by the key that they carry.

    Thread-safe: it never changes.
    """

    __slots__ = ("_name", "_salt", "_source")

    def __init__(self, options: KeyOptions, salt: str, purpose: str) -> None:
        said = salt if options.salt is None else options.salt
        self._salt = f"{purpose}\0{said}".encode("utf-8", "surrogatepass")
        self._source = "tenant" if options.tenant else "client_ip"
        self._name = ""
        for source in ("header", "cookie", "query"):
            name = getattr(options, source)
            if name:
                self._source, self._name = source, name

    def key(self, info: RouteInfo) -> str | None:
        """The key of a call; None when it has none, or an empty one."""
        source = self._source
        if source == "header":
            return info.header(self._name) or None
        if source == "cookie":
            return info.cookie(self._name) or None
        if source == "query":
            return info.query(self._name) or None
        return (info.tenant if source == "tenant" else info.client_ip) or None

    def position(self, info: RouteInfo) -> float:
        """Where a call lies: by its key, or by a draw without one."""
        key = self.key(info)
        return info.draw() if key is None else position_of(self._salt, key)
