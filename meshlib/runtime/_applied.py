"""
The configurations that have been in force, so that one may be put in force again.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._clock import Clock
from .._exceptions import ConfigurationError
from ..config import MeshConfig

_KEPT = 20
"""Versions; enough for an incident, and some hundred KiB for a large document."""


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """
    A configuration that took effect in this process.

    *version* counts from 1, the one that the mesh was made with. *at* is in seconds since
    the epoch. *source* is the path or key that it was read from, `code`, `patch`, or
    `version 3` for one that was put in force again. *changed* names the services whose
    policies were new.
    """

    version: int
    at: float
    source: str
    changed: tuple[str, ...]


class Versions:
    """
    The last 20 configurations of one mesh.

    Reading needs no lock; whoever adds holds that under which the mesh changes.
    """

    __slots__ = ("_entries", "_wall")

    def __init__(self, config: MeshConfig, wall: Clock) -> None:
        self._wall = wall
        self._entries: tuple[tuple[AppliedConfig, MeshConfig], ...] = ()
        self.add(config, (), "")

    def add(self, config: MeshConfig, changed: tuple[str, ...], source: str) -> int:
        """Note that *config* took effect; return its version."""
        version = self._entries[-1][0].version + 1 if self._entries else 1
        source = source or config.origin.name or "code"
        applied = AppliedConfig(version, self._wall(), source, changed)
        self._entries = (*self._entries[1 - _KEPT :], (applied, config))
        return version

    def history(self) -> tuple[AppliedConfig, ...]:
        """The oldest first; the last one is in force."""
        return tuple(applied for applied, _ in self._entries)

    def find(self, version: int | None) -> tuple[int, MeshConfig]:
        """A version, None for the one before that in force; ConfigurationError for none."""
        entries = self._entries
        if version is None:
            if len(entries) < 2:
                raise ConfigurationError("no configuration was in force before", path="version")
            return entries[-2][0].version, entries[-2][1]
        for applied, config in entries:
            if applied.version == version:
                return version, config
        first, last = entries[0][0].version, entries[-1][0].version
        raise ConfigurationError(
            f"version {version!r} is not kept",
            path="version",
            hint=f"there are {first} to {last}",
        )
