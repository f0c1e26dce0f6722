"""
A mesh in a Flask application.

    mesh = MeshExtension()

    def create_app():
        app = Flask(__name__)
        mesh.init_app(app)
        return app
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from flask import Flask, current_app, request

from .._client import MeshClient
from .._clock import monotonic
from .._exceptions import ConfigurationError
from ..health import ProcessHealth
from ..runtime import Registration
from ._permission import Permission
from ._served import POLL, RETRY, Served
from ._wsgi import MeshWSGIMiddleware

__all__ = ["MeshExtension", "mesh_client"]


class MeshExtension(Served[MeshClient]):
    """
    A Flask application in a mesh: middleware, probes, a client, and its registration.

    *name* and *options* are those of a `MeshClient`; *mesh*, among them, shares one that
    stays open. `app.config["MESHLIB_CONFIG"]` is the document where *options* name none.
    The client is made when it is first needed and works in forked children, so nothing has
    to be started under a server that forks.

    Probes are answered at *probes*; *details* are for whom it permits.

    WSGI tells nobody when a server starts and stops, so `start` and `stop`, or a `with`
    block around what serves, do: a *registration*, or several, are started once the
    startup checks of *health* have passed; at the end readiness fails, the registration is
    taken back, requests in flight get *patience* seconds, and the client is closed. With
    *sigterm* the first half happens at the signal, and the server hears of it *drain*
    seconds later; that needs the main thread.

    Thread-safe. May be started again after its end.
    """

    def __init__(
        self,
        app: Flask | None = None,
        name: str | None = None,
        *,
        probes: str | Mapping[str, str] | None = "/health",
        details: Permission | None = None,
        health: ProcessHealth | None = None,
        registration: Registration | Iterable[Registration] = (),
        drain: float = 0.0,
        patience: float = 10.0,
        sigterm: bool = False,
        **options: Any,
    ) -> None:
        self._probes = probes
        self._details = details
        self._name = name
        self._options = options
        super().__init__(
            lambda: MeshClient(self._name, **self._options),
            health=health,
            registration=registration,
            drain=drain,
            patience=patience,
            sigterm=sigterm,
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Put the middleware around *app*; raises ConfigurationError for wrong options."""
        document = app.config.get("MESHLIB_CONFIG")
        if document is not None and not {"config", "mesh"} & set(self._options):
            self._options["config"] = document
        middleware = MeshWSGIMiddleware(
            app.wsgi_app,
            self.client,
            probes=self._probes,
            health=self.health,
            details=self._details,
            route=_route,
        )
        self._middlewares.append(middleware)
        app.wsgi_app = middleware  # type: ignore[method-assign]  # the way that Flask's documentation shows
        app.extensions["meshlib"] = self

    # Life

    def start(self) -> None:
        """Begin with what serves; returns at once."""
        self.begin()
        if self.health.started:
            self.announce()
        elif self.registrations:
            threading.Thread(target=self._announce, name="meshlib-startup", daemon=True).start()

    def stop(self) -> None:
        """End with what serves, once it accepts nothing any more. Idempotent."""
        self.leave(drain=False)
        until = monotonic() + self._patience
        while self.in_flight() and monotonic() < until:
            threading.Event().wait(POLL)
        self.forget_sigterm()
        client = self._take_client()
        if client is not None:
            client.close()

    def _announce(self) -> None:
        while not (self._left or self.health.check_now("startup").ok):
            threading.Event().wait(RETRY)
        self.announce()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def mesh_client() -> MeshClient:
    """The client of the current application, where `MeshExtension` is installed."""
    extension = current_app.extensions.get("meshlib")
    if not isinstance(extension, MeshExtension):
        raise ConfigurationError(
            "no mesh is installed in this application", hint="call MeshExtension(...).init_app(app)"
        )
    return extension.client


def _route() -> str | None:
    """The rule that the request which is being answered has matched."""
    rule = request.url_rule
    return None if rule is None else rule.rule
