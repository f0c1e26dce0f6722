"""
Registering this process, from code that blocks and from code that does not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import anyio.to_thread

from .._exceptions import ConfigurationError
from .._fork import survive_fork
from .._models import Endpoint
from .._public import public
from ..discovery import parse_endpoint
from ..discovery.registration import (
    Instance,
    Keeper,
    Registrar,
    RegistrationStatus,
    make_instance,
    make_registrar,
)
from ..events import Event, Listener
from ._background import Background, BackgroundTask
from ._sigterm import on_sigterm

_LOGGER = logging.getLogger("meshlib")
_MINIMUM_TTL = 1.0
_LEAVING = 6.0
"""Seconds to wait for a goodbye, which gives up by itself a little earlier."""


@public
def register(
    service: str,
    url: str | Endpoint,
    *,
    at: Any,
    instance_id: str | None = None,
    ttl: float = 15.0,
    weight: float = 1.0,
    priority: int = 0,
    kind: str = "local",
    metadata: Mapping[str, str] | None = None,
    drain: float = 0.0,
    sigterm: bool = False,
    listeners: Iterable[Listener] = (),
) -> Registration:
    """
    A registration of this process as an instance of *service* that is called at *url*.

    Use it in `with` or `async with`, or call its `start` and `stop`. *at* is where: a
    registrar, a name, or `{name: settings}` of `consul`, `etcd` or `registry`, as under
    `discovery` in a document. *instance_id* tells the instance from all others of the service; by
    default it is made of service, host and port. *ttl*: seconds without a heartbeat after
    which the server forgets a process that died; there are three heartbeats in it. 15 is
    what Consul's documentation takes in its examples.

    *drain*: seconds to wait after deregistering, in which callers that have not heard of
    it yet are still served. *sigterm* deregisters and drains when the process is told to
    end, before whoever handled that signal before is told; it needs the main thread.

    Raises ConfigurationError. Registering itself never raises: a server that is away is
    tried again, and `wait`, `status` and the event RegistrationChanged tell.
    """
    endpoint = (
        url
        if isinstance(url, Endpoint)
        else Endpoint(
            url, weight=weight, priority=priority, kind=kind, metadata=dict(metadata or {})
        )
    )
    if not isinstance(service, str) or not service:
        raise ConfigurationError(
            f"the name of a service is needed, not {service!r}", path="service"
        )
    if not ttl >= _MINIMUM_TTL:
        raise ConfigurationError(f"{ttl!r} is below {_MINIMUM_TTL:g} second", path="ttl")
    if not drain >= 0:
        raise ConfigurationError(f"{drain!r} is below 0", path="drain")
    instance = make_instance(service, parse_endpoint(endpoint), instance_id=instance_id, ttl=ttl)
    return Registration(
        make_registrar(at), instance, drain=drain, sigterm=sigterm, listeners=tuple(listeners)
    )


@public
class Registration:
    """
    One instance of a service, registered while this is started.

    Made by `register`. Thread-safe; starting or stopping twice is fine, and a stopped one
    can be started again. It runs on a thread of its own, so a blocked event loop misses no
    heartbeat. A forked child has no registration until it starts one.
    """

    def __init__(
        self,
        registrar: Registrar,
        instance: Instance,
        *,
        drain: float,
        sigterm: bool,
        listeners: tuple[Listener, ...],
    ) -> None:
        self.instance = instance
        self._drain = drain
        self._sigterm = sigterm
        self._listeners = listeners
        self._registrar = registrar
        self._restore = _nothing
        self.renew()
        survive_fork(self)

    def renew(self) -> None:
        """A forked child is not what its parent registered."""
        self._lock = threading.RLock()
        self._background = Background(f"register-{self.instance.service}")
        self._keeper = Keeper(self._registrar, self.instance, self._emit)
        self._task: BackgroundTask | None = None
        self._left = threading.Event()
        self._stopped = threading.Event()
        self._started = False

    @property
    def status(self) -> RegistrationStatus:
        """How it is doing now."""
        return self._keeper.status

    def start(self) -> None:
        """Begin to register, and return at once."""
        with self._lock:
            if self._task is not None:
                return
            self._left, self._stopped = threading.Event(), threading.Event()
            self._keeper = Keeper(self._registrar, self.instance, self._emit)
            if self._sigterm:  # first: the signal may come as soon as a server knows us
                self._restore = on_sigterm(self.stop)
            self._task = self._background.start_soon(self._run, self._keeper, self._left)
            self._started = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server knows the instance; False if that takes over *timeout* seconds."""
        return self._keeper.registered.wait(timeout)

    def stop(self) -> None:
        """
        Deregister, and wait for `drain` seconds; the server being away delays it by 5 s.

        While another thread does that already, as one does after SIGTERM, this waits for it.
        """
        with self._lock:
            started, task, self._task = self._started, self._task, None
            restore, self._restore = self._restore, _nothing
        if task is None:
            if started:
                self._stopped.wait(_LEAVING + self._drain)
            return
        restore()
        task.cancel()
        self._left.wait(_LEAVING)
        if self._drain:
            _LOGGER.info("%s: drains for %g s", self.instance.service, self._drain)
            threading.Event().wait(self._drain)
        self._background.stop()
        self._stopped.set()

    async def _run(self, keeper: Keeper, left: threading.Event) -> None:
        try:
            await keeper.run()
        finally:
            left.set()

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

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

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)

    def __repr__(self) -> str:
        return f"<Registration {self.instance.id!r}: {self.status.state}>"


def _nothing() -> None:
    """Stand for a signal handler that was not installed."""
