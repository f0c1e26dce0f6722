"""What the tests share: a clock that stands still, and servers that do as they are told."""

from .clock import FakeClock
from .peer import Connection, Gate, Peer, Received
from .scripts import (
    Reply,
    Script,
    chunked,
    close_after_headers,
    close_after_request,
    close_at_once,
    drip,
    echo,
    half_body,
    never_answer,
    never_read,
    replies,
    reset_after_request,
    says,
)
from .servers import ScriptedServer, ServerProcess

__all__ = [
    "Connection",
    "FakeClock",
    "Gate",
    "Peer",
    "Received",
    "Reply",
    "Script",
    "ScriptedServer",
    "ServerProcess",
    "chunked",
    "close_after_headers",
    "close_after_request",
    "close_at_once",
    "drip",
    "echo",
    "half_body",
    "never_answer",
    "never_read",
    "replies",
    "reset_after_request",
    "says",
]
