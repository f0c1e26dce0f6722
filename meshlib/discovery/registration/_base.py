"""
What a place is where processes register.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ._instance import Instance


class RegistrarSession(Protocol):
    """
    A connection to the server, on one event loop.

    Each method raises when the server cannot be reached or refuses; it is called again
    after a pause.
    """

    async def register(self, instance: Instance) -> None:
        """Make *instance* known; one that is known already is replaced."""
        ...

    async def renew(self, instance: Instance) -> bool:
        """Tell that *instance* lives; False when the server knows it no more."""
        ...

    async def deregister(self, instance: Instance) -> None:
        """Have *instance* forgotten at once; one that is unknown is no error."""
        ...


class Registrar(Protocol):
    """
    Where processes register so that others find them: a Consul agent, etcd, a registry.

    A `name` attribute is what messages call it. One object may be used on several event
    loops, each with a session of its own.
    """

    def session(self) -> AbstractAsyncContextManager[RegistrarSession]:
        """A session for the event loop that enters it; entering it contacts nobody."""
        ...
