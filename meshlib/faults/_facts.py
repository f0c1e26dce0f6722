"""What a decision to inject is made by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qsl

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Facts:
    """
    One attempt or call, as rules see it.

    *timeout* and *left* are seconds; None or infinity is no limit. *heeded* is whether
    headers may ask for faults.
    """

    __slots__ = (
        "_headers",
        "_lowered",
        "_parameters",
        "endpoint",
        "heeded",
        "left",
        "metadata",
        "method",
        "path",
        "phase",
        "query",
        "route",
        "tenant",
        "timeout",
    )

    def __init__(
        self,
        *,
        phase: Literal["attempt", "call"] = "attempt",
        endpoint: str = "",
        method: str = "GET",
        path: str = "/",
        headers: Mapping[str, str] = _NOTHING,
        route: str = "",
        tenant: str = "",
        query: str = "",
        metadata: Mapping[str, str] = _NOTHING,
        timeout: float | None = None,
        left: float | None = None,
        heeded: bool = False,
    ) -> None:
        self.phase = phase
        self.endpoint = endpoint
        self.method = method
        self.path = path
        self.route = route
        self.tenant = tenant
        self.query = query
        self.metadata = metadata
        self.timeout = timeout
        self.left = left
        self.heeded = heeded
        self._headers = headers
        self._lowered: dict[str, str] | None = None
        self._parameters: dict[str, str] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by their names in lower case."""
        if self._lowered is None:
            self._lowered = {key.lower(): value for key, value in self._headers.items()}
        return self._lowered

    def header(self, name: str) -> str | None:
        """The header called *name*, in lower case; None without it."""
        return self.headers.get(name)

    def parameter(self, name: str) -> str | None:
        """The first parameter of the query called *name*, decoded; None without it."""
        if self._parameters is None:
            self._parameters = {}
            for key, value in parse_qsl(self.query, keep_blank_values=True):
                self._parameters.setdefault(key, value)
        return self._parameters.get(name)
