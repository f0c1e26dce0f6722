"""
Start-up and shutdown of an ASGI application, once each, in one task.
"""

from __future__ import annotations

from contextvars import Context
from typing import Any

import anyio

from ._errors import LifespanError
from ._home import Home


class Lifespan:
    """
    The lifespan protocol with one application.

    *mode* is `on`, `off` or `auto`: with `auto` an application that raises before it answers
    does not know the protocol, and is served all the same. `state` is what it left for
    requests. Both methods run on *home*.
    """

    def __init__(self, app: Any, mode: str, home: Home) -> None:
        self._app = app
        self._mode = mode
        self._home = home
        self._scope = anyio.CancelScope()
        self._asked = 0
        self._ending = anyio.Event()
        self._answers = {"startup": anyio.Event(), "shutdown": anyio.Event()}
        self._over = anyio.Event()
        self._failures: dict[str, str] = {}
        self._error: BaseException | None = None
        self._running = False
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        """Run what comes before requests; raises LifespanError when it fails."""
        if self._mode == "off":
            return
        self._running = True
        # An empty context: a server's own, from which requests inherit nothing either.
        self._home.spawn(self._run, Context())
        try:
            await self._answers["startup"].wait()
        except BaseException:
            await self._stop()
            raise
        if "startup" in self._failures:
            await self._stop()
            self._check("startup")

    async def shutdown(self, grace: float) -> None:
        """Run what comes after requests, for at most *grace* seconds; may raise LifespanError."""
        if not self._running:
            return
        self._ending.set()
        with anyio.move_on_after(grace):
            await self._answers["shutdown"].wait()
            await self._over.wait()
        if not self._answers["shutdown"].is_set():
            self._failures["shutdown"] = f"no answer within {grace:g} s"
        await self._stop()
        self._check("shutdown")

    async def _stop(self) -> None:
        self._running = False
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._over.wait()

    def _check(self, phase: str) -> None:
        if phase in self._failures:
            raise LifespanError(phase, self._failures[phase]) from self._error

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            with self._scope:
                await self._app(scope, self._receive, self._send)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            self._raised(exc)
        finally:
            for answer in self._answers.values():
                answer.set()
            self._over.set()

    def _raised(self, exc: BaseException) -> None:
        self._error = exc
        phase = "shutdown" if self._answers["startup"].is_set() else "startup"
        if self._failures:
            return  # it has said so before, in words of its own
        if phase == "startup" and self._mode == "auto" and isinstance(exc, Exception):
            return  # the specification's way to say that it does not know the protocol
        self._failures[phase] = repr(exc)

    async def _receive(self) -> dict[str, Any]:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        if self._asked > 2:  # there is no third message
            await anyio.sleep_forever()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: dict[str, Any]) -> None:
        _, phase, verdict = message["type"].split(".")
        if verdict == "failed":
            self._failures[phase] = message.get("message", "")
        self._answers[phase].set()
