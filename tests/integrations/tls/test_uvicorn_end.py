"""The end of a server under uvicorn, while callers keep connections that they do not use."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from meshlib.integrations.uvicorn import HTTPProtocol


class Transport:
    """A connection whose other end never says goodbye."""

    def __init__(self) -> None:
        self.closed = self.aborted = False

    def is_closing(self) -> bool:
        """Whether it was closed, which has not been answered."""
        return self.closed

    def close(self) -> None:
        """Say goodbye."""
        self.closed = True

    def abort(self) -> None:
        """Leave without an answer."""
        self.aborted = True


@pytest.mark.parametrize("busy", [False, True])
def test_idle_connection_does_not_hold_the_server_up(busy: bool) -> None:
    """It is cut off after a second; one that is in use ends with its answer."""
    later: list[tuple[float, Callable[[], Any]]] = []
    protocol = HTTPProtocol.__new__(HTTPProtocol)
    transport = protocol.transport = Transport()
    protocol.loop = SimpleNamespace(call_later=lambda *call: later.append(call))
    protocol.conn = SimpleNamespace(send=lambda event: None)
    protocol.cycle = SimpleNamespace(response_complete=not busy, keep_alive=True)
    protocol.shutdown()
    assert transport.closed is not busy
    for seconds, callback in later:
        assert 1.0 == seconds
        callback()
    assert transport.aborted is not busy
