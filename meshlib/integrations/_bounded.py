"""
Running an application until its deadline.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from ._watch import Watch

if TYPE_CHECKING:
    from ._exchange import ASGIApp, BoundExchange, Receive, Scope


async def on_asyncio(
    app: ASGIApp, scope: Scope, receive: Receive, exchange: BoundExchange, watch: Watch
) -> bool:
    """
    Run *app*, and cancel it at the deadline; False when that ended it.

    Cancels once, as `asyncio.timeout` does: what an application awaits while it cleans up
    is not disturbed again.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    exchange.arm(watch, task)
    try:
        await app(scope, receive, exchange.send)
    except asyncio.CancelledError:
        # Because of the deadline alone, or has somebody else cancelled the task as well?
        if exchange.fired and task.uncancel() <= cancelling:
            return False
        raise
    except BaseException:
        if exchange.fired:
            task.uncancel()
        raise
    finally:
        watch.remove(exchange)
    if exchange.fired:
        task.uncancel()
    return True


async def on_trio(app: ASGIApp, scope: Scope, receive: Receive, exchange: BoundExchange) -> bool:
    """The same where asyncio does not run."""
    with anyio.move_on_after(exchange.remaining) as cancels:
        exchange.bind(cancels)
        await app(scope, receive, exchange.send)
    return not cancels.cancelled_caught
