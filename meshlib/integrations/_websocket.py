"""
The handshake of a websocket, which is a request like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ..inbound import Arrival
from ._answers import Answer
from ._faulty import carry_out

if TYPE_CHECKING:
    from ._exchange import ASGIApp, Message, Receive, Scope, Send

_SWITCHED = 101
_DENIED = 403
_POLICY = 1008
"""Why a connection is closed: it violates a policy (RFC 6455, 7.4.1)."""
_DENIAL = "websocket.http.response"


async def serve_websocket(
    app: ASGIApp, arrival: Arrival, scope: Scope, receive: Receive, send: Send
) -> None:
    """
    Have *app* serve the websocket that has arrived, unless its handshake is refused.

    What was decided holds for the handshake: with it the permit is given back and the
    deadline ends, since a connection may last for days. Calls made meanwhile carry on
    the priority, the tenant, the trace and the chain.
    """
    status: int | None = None

    def sent(message: Message) -> Awaitable[None]:
        nonlocal status
        kind = message["type"]
        if status is None:
            if kind == "websocket.accept":
                status = _SWITCHED
            elif kind == f"{_DENIAL}.start":
                status = message["status"]
            elif kind == "websocket.close":
                status = _DENIED
            if status is not None:
                arrival.finish(status)
        return send(message)

    try:
        answer: Answer | None = arrival.refusal
        if answer is None and arrival.fault is not None:
            answer = await carry_out(arrival.fault)
        if answer is not None:
            await _deny(answer, scope, receive, sent)
            return
        arrival.deadline = None
        with arrival.context():
            await app(scope, receive, sent)
    except BaseException as error:
        arrival.finish(status, error)
        raise
    finally:
        arrival.finish(status)


async def _deny(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    if _DENIAL in (scope.get("extensions") or {}):
        start = {"type": f"{_DENIAL}.start", "status": answer.status}
        await send({**start, "headers": list(answer.headers)})
        await send({"type": f"{_DENIAL}.body", "body": answer.body})
    else:
        await send({"type": "websocket.close", "code": _POLICY})  # which is 403 then
