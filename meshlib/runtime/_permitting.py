"""
Which calls of a mesh may be made, and the tokens that they are made with.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .._bell import Bell
from .._clock import Clock
from .._exceptions import RouteDeniedError
from ..config import MeshConfig, ServiceConfig
from ..events import CallRejected
from ..security.authorization import Decision, Policy
from ..security.tokens import TokenKeeper, make_source, renew_tokens
from ..transport import Call, Service
from ._background import Background

if TYPE_CHECKING:
    from ._mesh import Mesh


class Permitting:
    """
    Judges calls before anything of them is sent, and keeps their tokens. Thread-safe.

    Services that say the same of their token share it. A token is asked for in the
    background, when a call first needs it.
    """

    def __init__(self, mesh: Mesh, background: Background, wall: Clock) -> None:
        self._mesh = mesh
        self._background = background
        self._wall = wall
        self._lock = threading.Lock()
        self._kept: dict[Any, _Kept] = {}
        self.policy: Policy | None = None
        self.active = False
        """Whether there is anything to do for calls."""
        self.take(mesh.config)

    # The request path

    def begin(self, call: Call) -> None:
        """Judge *call*, and see to its token; raises RouteDeniedError."""
        if self.policy is not None:
            decision = call.authorization = self._decide(self.policy, call)
            if not decision.allowed:
                raise self._denied(call, decision)
        keeper = call.service.credentials
        if keeper is not None:
            call.credentials = keeper
            call.special = True
            if keeper.header() is None:
                call.unprepared = True

    def judged(self, call: Call) -> Call:
        """*call*, which is only to be explained, with what is decided about it."""
        if self.policy is not None:
            call.authorization = self._decide(self.policy, call)
        return call

    def may_copy(self, service: str, method: str, path: bytes, headers: Any) -> bool:
        """Whether a copy of a call may go to *service*."""
        policy = self.policy
        if policy is None:
            return True
        pairs = [(lower, value) for _, lower, value in headers]
        text = path.decode("latin-1")
        return policy.decide(self._mesh.name, service, method, text, pairs).allowed

    def _decide(self, policy: Policy, call: Call) -> Decision:
        """The decision on what was asked for, and on what a route has made of it."""
        request, name = call.request, self._mesh.name
        headers = [(key.lower(), value) for key, value in request.headers.raw]
        path = request.url.raw_path.decode("latin-1")
        if call.routed is None:
            return policy.decide(name, call.service.name, request.method, path, headers)
        decision = policy.decide(name, call.routed.home, request.method, path, headers)
        becomes = call.service.name, call.routed.path.decode("latin-1")
        if decision.allowed and becomes != (call.routed.home, path):
            decision = policy.decide(name, becomes[0], request.method, becomes[1], headers)
        return decision

    def _denied(self, call: Call, decision: Decision) -> RouteDeniedError:
        service = call.service
        error = RouteDeniedError(
            f"{self._mesh.name!r} may not call {call.request.method} of {service.name!r}: "
            f"{decision.reason}",
            service=service.name,
            rule=decision.rule,
        )
        service.rejected += 1
        if service.listening:
            service.emit(CallRejected(service=service.name, error=error))
        return error

    # Tokens

    def assign(self, service: Service, settings: ServiceConfig) -> None:
        """Have calls of *service* made with the token that *settings* name, if any."""
        said = settings.token
        # What is outside is somebody else's: a token for all services is none for it.
        if said is None or service.outside not in ("", "discovery"):
            service.credentials = None
            return
        with self._lock:
            kept = self._kept.get(said)
            if kept is None:
                kept = self._kept[said] = _Kept(
                    self._mesh, self._background, service.name, said, self._wall
                )
        service.credentials = kept.keeper
        self.active = True

    # The document

    def take(self, config: MeshConfig) -> None:
        """Follow *config*."""
        said = config.outbound.authorization
        if self.policy is None or self.policy.options != said:
            self.policy = None if said is None else Policy(said)
        self.active = self.policy is not None or bool(self._kept)
        self._mesh.mirroring.allows = None if self.policy is None else self.may_copy

    def assign_all(self) -> None:
        """Give every service its token anew, after a change of the configuration."""
        for service in self._mesh.directory.everything():
            self.assign(service, service.settings)
        config = self._mesh.config
        wanted = [config.defaults.token, *(one.token for one in config.services.values())]
        with self._lock:
            gone = [said for said in self._kept if said not in wanted]
            for said in gone:
                self._kept.pop(said).stop()

    # Life

    def close(self) -> None:
        """Ask for no token any more."""
        for kept in list(self._kept.values()):
            kept.stop()

    def renew(self) -> None:
        """A forked child has none of its parent's threads; the tokens are good there, too."""
        self._lock = threading.Lock()
        for kept in self._kept.values():
            kept.renew()


class _Kept:
    """A keeper, and the task that asks for its tokens, once somebody needs one."""

    def __init__(
        self, mesh: Mesh, background: Background, name: str, said: Any, wall: Clock
    ) -> None:
        self._clock = mesh.clock
        self._background = background
        self._name = name
        self._source = make_source(said, wall)
        self._task: Any = None
        self._bell: Bell | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self.keeper = TokenKeeper(mesh.clock, mesh.rng, self._wake)

    def _wake(self) -> None:
        with self._lock:
            if self._task is None and not self._stopped:
                self._task = self._background.start_soon(self._run)
            bell = self._bell
        if bell is not None:
            bell.ring()

    async def _run(self) -> None:
        self._bell = bell = Bell()
        await renew_tokens(self._name, self.keeper, self._source, bell, self._clock)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def renew(self) -> None:
        self._lock = threading.Lock()
        self._bell = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self.keeper.renew()
