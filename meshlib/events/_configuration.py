"""
What happened to canaries and to the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryChanged(Event):
    """
    The canary *revision* of a *route* has a new state, or another share of the calls.

    *old* and *new* are states, alike when only *weight*, the share from 0 to 1, changed.
    *store* is where the processes agree on it: `process` when each has its own.
    """

    route: str
    revision: str
    old: str
    new: str
    weight: float
    reason: str
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStoreChanged(Event):
    """
    The *store* of a canary's state cannot be reached, for *error*, or can again.

    While it cannot, the canary keeps the share it had.
    """

    route: str
    store: str
    reachable: bool
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationApplied(Event):
    """
    A configuration took effect; *changed* names the services whose policies are new.

    *version* is its number in `Mesh.history`.
    """

    changed: tuple[str, ...]
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRejected(Event):
    """A configuration was invalid; the last good one stays in force."""

    error: BaseException
