"""
The mesh in front of a WSGI application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..health import ProcessHealth
from ._answers import start_answer
from ._exchange_wsgi import ExchangeWSGI
from ._heads import head_of_environ
from ._health_wsgi import HealthWSGI
from ._permission import Permission
from ._probes import ProbePaths

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class MeshWSGIMiddleware:
    """
    Serves the requests of *app* as `mesh.inbound` decides; a pure WSGI middleware.

    *mesh* is a `Mesh` or a client. A refused request is answered without the application.
    Any other is served with its deadline, priority, tenant and chain in force for all calls
    made for it, also while its body is made, each in a context of its own. Nothing can
    cancel a thread: calls end by the deadline, an answer that begins after it is a 504,
    and a body that goes on after it is cut off. A permit is held until the body is closed.

    *probes* answers probes of *health* at `<probes>/live`, `/ready` and `/startup`, or at the
    paths of a mapping, before everything else: they are not shed, authorised or logged.
    *details* says who is told more than a status; by default nobody.

    *route* tells the template that the application has matched, such as `/users/<id>`; it
    is asked in the request's context, when the answer begins.

    Errors pass through as they are. Thread-safe.
    """

    def __init__(
        self,
        app: WSGIApp,
        mesh: Any,
        *,
        probes: str | Mapping[str, str] | None = None,
        health: ProcessHealth | None = None,
        details: Permission | None = None,
        route: Callable[[], str | None] | None = None,
    ) -> None:
        self._app = app
        self.health = health or ProcessHealth()
        self._probes = ProbePaths(probes)
        self._health_app = HealthWSGI(self.health, details=details)
        self._route = route
        self.use(mesh)

    def use(self, mesh: Any) -> None:
        """Serve as *mesh* decides from now on."""
        mesh = getattr(mesh, "mesh", mesh)
        self._arrive = mesh.inbound.arrive
        self._clock = mesh.clock

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve one request of a server."""
        paths = self._probes.paths
        if paths and (environ.get("PATH_INFO") in paths or environ.get("SCRIPT_NAME")):
            probe = self._probes.of(environ.get("PATH_INFO", ""), environ.get("SCRIPT_NAME", ""))
            if probe is not None:
                return self._health_app.answer(probe, environ, start_response)
        arrival = self._arrive(head_of_environ(environ))
        refusal = arrival.refusal
        if refusal is not None:
            try:
                return start_answer(start_response, refusal, environ["REQUEST_METHOD"])
            finally:
                arrival.finish(refusal.status)
        exchange = ExchangeWSGI(arrival, start_response, self._clock, self._route)
        return exchange.run(self._app, environ)
