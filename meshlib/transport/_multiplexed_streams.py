"""
What httpcore leaves out where exchanges share a connection of HTTP/2.

A stream that nobody reads to its end is not reset: its server goes on sending what is
never acknowledged, and after 16 MB of it nothing comes any more for anybody. And one read
that times out ends all other exchanges, though nothing is wrong with the connection.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import anyio

_CANCEL = 8
"""RFC 9113, section 7: the stream is not needed any more."""
_UNTIMED = SimpleNamespace(extensions={})
"""A request, as far as httpcore asks it for the timeout of a write."""
PATIENCE = 1.0
"""Seconds that whoever leaves a stream waits until its few bytes are written."""


def mend(http: Any) -> bool:
    """
    Have the connection of *http* do it; False when there is none of HTTP/2, or not yet.

    httpcore has no other place for this than the methods of the one connection.
    """
    connection: Any = getattr(http, "_connection", None)
    if not hasattr(connection, "_h2_state"):
        return False
    connection._read_incoming_data = _reading(connection)
    connection._response_closed = _closing(connection)
    return True


def _reading(connection: Any) -> Any:
    read = connection._read_incoming_data

    async def read_incoming_data(request: Any) -> Any:
        try:
            return await read(request)
        except Exception as exc:
            if type(exc).__name__ == "ReadTimeout":
                connection._read_exception = None  # it took nothing from the socket
                connection._connection_error = connection._write_exception is not None
            raise

    return read_incoming_data


def _closing(connection: Any) -> Any:
    close = connection._response_closed

    async def response_closed(stream_id: int) -> None:
        protocol = connection._h2_state
        stream = protocol.streams.get(stream_id)
        left = stream is not None and not stream.closed
        # Of the events that nobody has read, those of data have a length.
        events = connection._events.get(stream_id, ())
        unread = sum(getattr(event, "flow_controlled_length", None) or 0 for event in events)
        # What fails here is closed already, or httpcore has noted that it broke.
        with contextlib.suppress(Exception):
            if unread:
                protocol.acknowledge_received_data(unread, stream_id)
            if left:
                protocol.reset_stream(stream_id, _CANCEL)
        await close(stream_id)
        if (left or unread) and connection.is_available():
            with contextlib.suppress(Exception):
                await _write(connection)

    return response_closed


async def _write(connection: Any) -> None:
    """
    Write what h2 has for the server, which may wait for room to send while others wait for it.

    Without a timeout of httpcore's, which would end all exchanges if the server reads slowly.
    """
    with anyio.move_on_after(PATIENCE, shield=True) as scope:
        await connection._write_outgoing_data(_UNTIMED)
    if scope.cancelled_caught:
        connection._connection_error = True  # it is stuck, so it gets no more exchanges
