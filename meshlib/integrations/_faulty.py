"""
Breaking a request on purpose, before the application sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .._bell import Bell
from ..inbound import ArrivalFault
from ._answers import Answer, send_answer

if TYPE_CHECKING:
    from ._exchange import ASGIApp, Receive, Scope, Send


class Waiter:
    """What ends a wait early, from any thread; made in the task that waits."""

    __slots__ = ("_bell",)

    def __init__(self) -> None:
        self._bell = Bell()

    def set(self) -> None:
        """End the wait."""
        self._bell.ring()

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, for *seconds* at most."""
        with anyio.move_on_after(seconds):
            await self._bell.wait()


def faulty(app: ASGIApp, fault: ArrivalFault) -> ASGIApp:
    """An application that does what *fault* says, and is *app* as far as that lets it."""

    async def faulted(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await carry_out(fault)
        if answer is None:
            await app(scope, receive, send)
        else:
            await send_answer(send, answer, scope["method"])

    return faulted


async def carry_out(fault: ArrivalFault) -> Answer | None:
    """Wait as long as *fault* says; what it answers in the application's place, if it does."""
    if fault.delay > 0:
        waiter = Waiter()
        if fault.hold(waiter):
            try:
                await waiter.wait(fault.delay)
            finally:
                fault.let_go(waiter)
    return fault.answer if fault.stands() else None
