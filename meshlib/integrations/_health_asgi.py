"""
Probes of this process over ASGI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..health import Probe, ProcessHealth
from ._answers import send_answer
from ._heads import head_of_scope
from ._permission import Permission
from ._probes import NOT_ALLOWED, NOT_FOUND, may_see, probe_named, report_page

if TYPE_CHECKING:
    from ._exchange import Receive, Scope, Send


class HealthASGI:
    """
    Answers probes of *health*; an ASGI application to mount anywhere.

    The last segment of the path says which: `live`, `ready` or `startup`. Everybody is told
    the status, and whoever *details* permits, by default nobody, the checks as well.
    Answers GET and HEAD, as `application/health+json`, and nothing may store the answer.
    """

    def __init__(self, health: ProcessHealth, *, details: Permission | None = None) -> None:
        self._health = health
        self._details = details

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            probe = probe_named(scope["path"])
            if probe is None:
                await send_answer(send, NOT_FOUND, scope["method"])
            else:
                await self.answer(probe, scope, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise RuntimeError(f"an application of probes has no {scope['type']}")

    async def answer(self, probe: Probe, scope: Scope, send: Send) -> None:
        """Answer *probe*, whatever the path is."""
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await send_answer(send, NOT_ALLOWED, method)
            return
        report = await self._health.check(probe)
        detailed = self._details is not None and may_see(self._details, head_of_scope(scope))
        await send_answer(send, report_page(report, detailed), method)
