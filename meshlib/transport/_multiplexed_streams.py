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

_CANCEL = 8
"""RFC 9113, section 7: the stream is not needed any more."""
_IN_TIME = SimpleNamespace(extensions={"timeout": {"write": 1.0}})
"""What httpcore asks for the timeout of a write: seconds for the few bytes of a reset."""


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
                connection._connection_error = False
            raise

    return read_incoming_data


def _closing(connection: Any) -> Any:
    close = connection._response_closed

    async def response_closed(stream_id: int) -> None:
        protocol = connection._h2_state
        for event in connection._events.get(stream_id, ()):
            unread = getattr(event, "flow_controlled_length", 0)  # only data have it
            if unread:
                protocol.acknowledge_received_data(unread, stream_id)
        stream = protocol.streams.get(stream_id)
        await close(stream_id)
        if stream is not None and not stream.closed and connection.is_available():
            await _reset(connection, stream_id)

    return response_closed


async def _reset(connection: Any, stream_id: int) -> None:
    # What fails here is closed already, or httpcore has noted that it broke.
    with contextlib.suppress(Exception):
        connection._h2_state.reset_stream(stream_id, _CANCEL)
        await connection._write_outgoing_data(_IN_TIME)
