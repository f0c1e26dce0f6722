"""
What a source of endpoints is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from .._models import Endpoint


class Discovery(Protocol):
    """
    Says where the endpoints of a service are, now and whenever that changes.

    One object may be asked for many services. A `name` attribute is what messages and
    metrics call it; without one it is its class name.
    """

    def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """
        An async generator of the whole list of endpoints of *service*.

        The first list is sent as soon as it is known, each later one when something
        changed; then it waits for as long as it is iterated. An empty list says that the
        service has no endpoints. Raise when that is not known: the last list stays in
        force, and `watch` is called again after a pause.

        Runs on the event loop of the mesh, which it must not block. It is closed when it
        is needed no more, so clean up in `finally`.
        """
        ...


def source_name(source: Any) -> str:
    """What messages call *source*."""
    return str(getattr(source, "name", None) or type(source).__name__)
