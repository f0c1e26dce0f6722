"""
What can go wrong between us and Consul.
"""

from __future__ import annotations

from ..._exceptions import DiscoveryError


class ConsulError(DiscoveryError):
    """Consul did not do what it was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, source="consul")


class UnreachableError(ConsulError):
    """No answer came, or half of one."""


class RefusedError(ConsulError):
    """The agent answered with an error: *status* is one of HTTP, *reason* what it said."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class MalformedError(ConsulError):
    """An answer is not what the documentation of Consul says."""

    def __init__(self, what: str, seen: object) -> None:
        super().__init__(f"Consul sent what cannot be understood: {what}, not {seen!r:.200}")
