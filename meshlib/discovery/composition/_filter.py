"""
Some of the endpoints of another source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._base import source_name
from .._registry import make_discovery
from .._settings import texts
from .._snapshot import Snapshot, age_of, endpoints_in, error_of
from ._nested import check_source


class FilterDiscovery:
    """
    The endpoints of *source* that meet every condition.

    *metadata* maps names to a value or a list of values, one of which the endpoint must
    have under that name; numbers and booleans count as the texts that metadata holds.
    *kind* and *zone* are a word or a list of words; the zone is the metadata `zone`.
    *keep*, for programs, is called with each endpoint and says whether it stays.

    A list of which nothing is left is empty: the source did answer.
    """

    name = "filter"

    def __init__(
        self,
        source: Any,
        *,
        metadata: Any = None,
        kind: Any = None,
        zone: Any = None,
        keep: Callable[[Endpoint], object] | None = None,
    ) -> None:
        self._source = make_discovery(source, "source")
        self._kinds = None if kind is None else frozenset(texts(kind, "kind"))
        self._metadata = _conditions({} if metadata is None else metadata)
        if zone is not None:
            self._metadata.append(("zone", frozenset(texts(zone, "zone"))))
        if keep is not None and not callable(keep):
            raise ConfigurationError(f"a callable is needed, not {keep!r}", path="keep")
        self._keep = keep
        if not self._metadata and self._kinds is None and keep is None:
            raise ConfigurationError(
                "a filter needs a condition", hint="give it metadata, kind, zone or keep"
            )

    @staticmethod
    def check_settings(settings: Mapping[str, Any], path: str) -> None:
        """Check the source that a document names, without making it."""
        check_source(settings, path)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service* that meet the conditions."""
        snapshots: Any = self._source.watch(service)
        try:
            async for snapshot in snapshots:
                endpoints = endpoints_in(
                    snapshot, service=service, source=source_name(self._source)
                )
                yield Snapshot(
                    filter(self._fits, endpoints), age=age_of(snapshot), error=error_of(snapshot)
                )
        finally:
            close = getattr(snapshots, "aclose", None)
            if close is not None:
                await close()

    def _fits(self, endpoint: Endpoint) -> bool:
        if self._kinds is not None and endpoint.kind not in self._kinds:
            return False
        for name, values in self._metadata:
            if endpoint.metadata.get(name) not in values:
                return False
        return self._keep is None or bool(self._keep(endpoint))


def _conditions(metadata: Any) -> list[tuple[str, frozenset[str]]]:
    if not isinstance(metadata, Mapping):
        raise ConfigurationError(f"a mapping is needed, not {metadata!r}", path="metadata")
    conditions = []
    for name, values in metadata.items():
        path = f"metadata.{name}"
        if not isinstance(values, Sequence) or isinstance(values, str):
            values = [values]
        if not values:
            raise ConfigurationError("a value is needed", path=path)
        conditions.append((str(name), frozenset(_text(value, path) for value in values)))
    return conditions


def _text(value: Any, path: str) -> str:
    """*value* as metadata has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigurationError(f"a text is needed, not {value!r}", path=path)
