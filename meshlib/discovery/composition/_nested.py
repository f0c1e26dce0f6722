"""
Sources that a setting of another source names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..._exceptions import ConfigurationError
from .._base import Discovery
from .._registry import check_discovery, make_discovery


def make_sources(specs: Any, path: str = "sources") -> tuple[Discovery, ...]:
    """The sources that *specs* describes; an error names the one that is wrong."""
    return tuple(make_discovery(spec, place) for spec, place in _each(specs, path))


def check_sources(settings: Mapping[str, Any], path: str) -> None:
    """Raise ConfigurationError if the setting `sources` describes what cannot be made."""
    for spec, place in _each(settings["sources"], f"{path}.sources"):
        check_discovery(spec, place)


def check_source(settings: Mapping[str, Any], path: str) -> None:
    """Raise ConfigurationError if the setting `source` describes what cannot be made."""
    check_discovery(settings["source"], f"{path}.source")


def _each(specs: Any, path: str) -> Iterator[tuple[Any, str]]:
    if isinstance(specs, str) or not isinstance(specs, Sequence) or not specs:
        raise ConfigurationError(
            f"a list of sources is needed, not {specs!r}",
            path=path,
            hint="write sources: [{dns: {}}, {file: {path: services.yaml}}]",
        )
    for number, spec in enumerate(specs):
        yield spec, f"{path}[{number}]"
