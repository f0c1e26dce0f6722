"""
Waiting for a store where no event loop may be waited on: in a constructor, at a command line.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

_Result = TypeVar("_Result")


def run_blocking(
    function: Callable[..., Awaitable[_Result]], *args: Any, timeout: float
) -> _Result:
    """
    Run the asynchronous *function* on a loop of its own, and wait for what it returns.

    The caller may be on an event loop, which then stands still. Raises what *function*
    raises, and TimeoutError after *timeout* seconds, also if it cannot be cancelled, as
    a look-up of a host's address cannot.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []

    async def bounded() -> _Result:
        with anyio.fail_after(timeout):
            return await function(*args)

    def run() -> None:
        try:
            results.append(anyio.run(bounded))
        except BaseException as exc:
            errors.append(exc)

    # A thread even where no loop runs: what is running may not be seen, as under gevent. An
    # empty context, since some builds of Python let a thread inherit one.
    thread = threading.Thread(
        target=contextvars.Context().run, args=(run,), name="meshlib-store", daemon=True
    )
    thread.start()
    thread.join(timeout + 1.0)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
