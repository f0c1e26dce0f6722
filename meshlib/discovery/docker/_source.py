"""
Endpoints from the containers of a Docker daemon.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

from ..._exceptions import DiscoveryError
from ..._models import Endpoint
from .._records import endpoints_of
from .._settings import flag, one_of, seconds, text
from .._timing import Timing
from ._container import Choice, Container, parse_container
from ._daemon import find_daemon
from ._engine import Engine, EngineError
from ._events import Happening
from ._labels import COMPOSE_PROJECT, COMPOSE_SERVICE, Labels

_LOGGER = logging.getLogger("meshlib")
_HASTY = 1.0
"""Seconds; what ends sooner is begun again after as long a pause."""


class DockerDiscovery:
    """
    Finds the containers of a service by their labels, and follows their starts, ends and health.

    A container serves the service that its label `meshlib.service` names. `meshlib.port` is
    its port, which may be left out where it exposes a single one; `meshlib.scheme`,
    `.weight`, `.priority`, `.kind`, `.network` and `.metadata.<key>` say more. One that
    serves several has `meshlib.services.<name>.port` and so on for each. Paused containers
    and those whose health check has not passed are left out.

    *daemon*: where it is, as `DOCKER_HOST` says it: `unix:///PATH` or `tcp://HOST:PORT`.
    Default: what the `docker` command would take, which is `DOCKER_HOST` (with
    `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`), the chosen context, or
    `unix:///var/run/docker.sock`.
    *tls*: `{ca: FILE, cert: FILE, key: FILE, verify: true, server_name: NAME}`, for tcp.
    *project*: the project of Compose to look into, whose containers need no label: they
    serve what Compose calls their service. Default: none, and labels decide.
    *service*: the name in labels; default: the one that the mesh calls it.
    *label_prefix*: what the labels begin with, default `meshlib`.
    *service_label*: the label that names the service, default `<label_prefix>.service`.
    *address*: `container` (default) for the address of the container in its network, or
    `host` for the port that is published, as is needed outside of the machine and with
    Docker Desktop. Containers in the network of the host are called there either way.
    *host*: where ports can be called that are published everywhere; default: `127.0.0.1`
    for a Unix socket, else the host of the daemon.
    *network*: which network's address to take; needed where a container is in several. It
    may be the name that a compose file has for it.
    *scheme*: `http` (default) or `https`, for containers whose labels say none.
    *include_unhealthy*: take containers as well whose health check fails or has not passed
    yet; default false.
    *timeout*: seconds for an answer of the daemon; default 10.
    *idle_timeout*: seconds without an event after which everything is read again, since a
    daemon that hangs tells nothing either; default 30, with up to a fifth more by chance.
    """

    name = "docker"

    def __init__(
        self,
        daemon: str | None = None,
        *,
        tls: Any = None,
        project: str | None = None,
        service: str | None = None,
        label_prefix: str = "meshlib",
        service_label: str | None = None,
        address: str = "container",
        host: str | None = None,
        network: str | None = None,
        scheme: str = "http",
        include_unhealthy: bool = False,
        timeout: float | str = 10.0,
        idle_timeout: float | str = 30.0,
        _timing: Timing | None = None,
        _environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if _environ is None else _environ
        self._daemon = find_daemon(daemon, tls, environ)
        self._service = None if service is None else text(service, "service")
        self._labels = Labels(
            text(label_prefix, "label_prefix"),
            None if service_label is None else text(service_label, "service_label"),
        )
        self._project = None if project is None else text(project, "project")
        self._choice: dict[str, Any] = {
            "labels": self._labels,
            "project": self._project,
            "address": one_of(address, ("container", "host"), "address"),
            "host": self._daemon.host if host is None else text(host, "host"),
            "network": None if network is None else text(network, "network"),
            "scheme": one_of(scheme, ("http", "https"), "scheme"),
            "include_unhealthy": flag(include_unhealthy, "include_unhealthy"),
        }
        self._timeout = seconds(timeout, "timeout", minimum=0.1)
        self._idle = seconds(idle_timeout, "idle_timeout", minimum=0.1)
        self._timing = Timing() if _timing is None else _timing

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, whenever its containers change."""
        choice = Choice(service=self._service or service, **self._choice)
        containers = _Containers(choice, service, self.name)
        try:
            async with self._engine() as engine:
                while True:
                    began = self._timing.clock()
                    async with engine.events() as events:
                        # Only now, so that what changes meanwhile is among the events.
                        await containers.read(engine, await engine.ids(*self._filters(choice)))
                        last = containers.endpoints()
                        yield last
                        while (happenings := await events.receive()) is not None:
                            await containers.refresh(engine, containers.touched(happenings))
                            endpoints = containers.endpoints()
                            if endpoints != last:
                                last = endpoints
                                yield endpoints
                    if self._timing.clock() - began < _HASTY:
                        await self._timing.pause(_HASTY, jitter=0.2)
        except EngineError as exc:
            raise DiscoveryError(str(exc), service=service, source=self.name) from exc

    def _filters(self, choice: Choice) -> list[dict[str, list[str]]]:
        # Labels in one filter must all be there, hence several filters.
        labels = self._labels
        alternatives = [f"{labels.service_label}={choice.service}", labels.own(choice.service)]
        if self._project is None:
            return [{"label": [label]} for label in alternatives]
        alternatives.append(f"{COMPOSE_SERVICE}={choice.service}")
        return [{"label": [f"{COMPOSE_PROJECT}={self._project}", label]} for label in alternatives]

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        idle = self._idle * (1.0 + 0.2 * self._timing.rng.random())
        try:
            client = self._daemon.http.client(timeout=self._timeout)
        except OSError as exc:
            raise EngineError(
                f"Docker at {self._daemon.shown}: the files of TLS cannot be read: {exc}"
            ) from exc
        try:
            yield Engine(self._daemon, client, self._timeout, idle)
        finally:
            with anyio.CancelScope(shield=True):
                await client.aclose()


class _Containers:
    """The containers of one service that are known."""

    def __init__(self, choice: Choice, service: str, source: str) -> None:
        self._choice = choice
        self._service = service
        self._source = source
        self._known: dict[str, Container] = {}

    def touched(self, happenings: Sequence[Happening]) -> set[str]:
        """The containers of the service that *happenings* speak of."""
        return {
            happening.id
            for happening in happenings
            if happening.id in self._known
            or (happening.labels is not None and self._choice.concern(happening.labels))
        }

    async def read(self, engine: Engine, ids: Collection[str]) -> None:
        """Read the containers with *ids*, and forget all others."""
        for container in self._known.keys() - set(ids):
            del self._known[container]
        await self.refresh(engine, ids)

    async def refresh(self, engine: Engine, ids: Collection[str]) -> None:
        """Read the containers with *ids*, some of which may be gone."""
        for container in ids:
            # The daemon answers once it has done with what it tells in its events; its
            # lists may be older than these.
            document = await engine.inspect(container)
            if document is None:
                self._known.pop(container, None)
                continue
            is_new = container not in self._known
            read = self._known[container] = Container(document, self._service, self._source)
            for problem in self._choice.labels.unknown(read.labels) if is_new else ():
                _LOGGER.warning("docker: container %s: %s", read.name, problem)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those of the containers that are fit, in the order of their names."""
        return endpoints_of(
            sorted(self._known.values(), key=lambda container: container.name),
            lambda container: parse_container(container, self._choice),
            service=self._service,
            source=self._source,
        )
