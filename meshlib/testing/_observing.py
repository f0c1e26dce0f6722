"""Watches the calls that any mesh of this process makes during one run, and breaks some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx

from .._exceptions import CallRejectedError, ConfigurationError, MeshError
from ..faults import FaultMatch, FaultRule, TextMatch
from ..transport import AsyncDriver, Driver
from ._bodies import digest_of_request, sum_up
from ._stacks import application_stack
from .explore import Behaviour, CallSite, Injection, Plan, SiteIndex

HEADER = "x-meshlib-explore"
"""Marks the one request that a rule of a run is meant for."""


@dataclass
class Observed:
    """One call while it is watched."""

    site: CallSite
    place: str
    request: str
    injection: Injection | None = None
    rule: str = ""
    mesh: Any = None
    status: str = "unfinished"
    body: str = ""
    sent: bool = True
    calls: list[Observed] = field(default_factory=list)

    def read(self, body: str) -> None:
        """The body has come."""
        self.body = body

    @property
    def fired(self) -> int:
        """How often its fault acted."""
        return int(self.mesh.faults.injected.get(self.rule, 0)) if self.rule else 0

    def behaviour(self) -> Behaviour:
        """What was seen of it."""
        return Behaviour(
            self.site,
            f"{self.status} {self.body}".rstrip(),
            tuple(call.behaviour() for call in self.calls),
            self.request,
            injected=self.injection.label if self.injection and self.fired else None,
            fired=self.fired,
            sent=self.sent,
        )


_serving: ContextVar[Observed | None] = ContextVar("meshlib_explored_call", default=None)
"""The call that the code here serves, for services that live in this process."""


class Observer:
    """
    Records the calls of a run as a tree, and injects what *plan* says.

    Thread-safe. While it watches, no other may.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.places: dict[CallSite, str] = {}
        """Where in the code each call was made, as `file:line`."""
        self._index = SiteIndex()
        self._calls: list[Observed] = []
        self._rules: list[tuple[Any, str]] = []
        self._lock = Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch every client, also those that exist already, inside this block."""
        sync, asynchronous = Driver.handle_request, AsyncDriver.handle_async_request
        # Typed as anything: a method is put in the place of a method, on purpose.
        driver: Any = Driver
        asynchronous_driver: Any = AsyncDriver
        driver.handle_request = self._watch(sync)
        asynchronous_driver.handle_async_request = self._awatch(asynchronous)
        try:
            yield
        finally:
            driver.handle_request = sync
            asynchronous_driver.handle_async_request = asynchronous

    def behaviour(self, outcome: str) -> Behaviour:
        """The run as a whole, which ended with *outcome*."""
        return Behaviour(None, outcome, tuple(call.behaviour() for call in self._calls))

    def missed(self, run: Behaviour) -> list[Injection]:
        """The injections of the plan that did not fire."""
        fired = {call.site for call in run.walk() if call.fired}
        return [one for one in self.plan.injections if one.site not in fired]

    def clear(self) -> None:
        """Take the rules of this run out of the meshes they were put into."""
        while self._rules:
            mesh, name = self._rules.pop()
            try:
                mesh.faults.remove(name)
            except ConfigurationError:
                pass  # the test itself put other rules in place

    # The two colours

    def _watch(self, handle: Callable[..., httpx.Response]) -> Any:
        def handle_request(driver: Driver, request: httpx.Request) -> httpx.Response:
            call = self._begin(driver, request)
            if call is None:
                return handle(driver, request)
            token = _serving.set(call)
            try:
                response = handle(driver, request)
            except BaseException as exc:
                self._failed(call, exc)
                raise
            finally:
                _serving.reset(token)
                request.headers.pop(HEADER, None)
            self._answered(call, response)
            return response

        return handle_request

    def _awatch(self, handle: Callable[..., Any]) -> Any:
        async def handle_async_request(
            driver: AsyncDriver, request: httpx.Request
        ) -> httpx.Response:
            call = self._begin(driver, request)
            if call is None:
                response: httpx.Response = await handle(driver, request)
                return response
            token = _serving.set(call)
            try:
                response = await handle(driver, request)
            except BaseException as exc:
                self._failed(call, exc)
                raise
            finally:
                _serving.reset(token)
                request.headers.pop(HEADER, None)
            self._answered(call, response)
            return response

        return handle_async_request

    # What is the same in both

    def _begin(self, driver: Any, request: httpx.Request) -> Observed | None:
        mesh = driver.mesh
        try:
            service = mesh.directory.resolve(request.url).name
        except MeshError:  # the call says it itself
            return None
        stack, place = application_stack()
        above = _serving.get()
        with self._lock:
            site = self._index.site(
                source=mesh.name,
                service=service,
                method=request.method,
                path=request.url.path,
                stack=stack,
                parent=None if above is None else above.site,
            )
            self.places[site] = place
            call = Observed(site, place, digest_of_request(request))
            (self._calls if above is None else above.calls).append(call)
        call.injection = self.plan.at(site)
        if call.injection is not None:
            self._break(call, call.injection, mesh, request)
        return call

    def _break(
        self, call: Observed, injection: Injection, mesh: Any, request: httpx.Request
    ) -> None:
        """Have a rule wait for this request and no other."""
        call.mesh, call.rule = mesh, f"explore: {injection}"
        request.headers[HEADER] = token = f"{len(self._rules) + 1}"
        limit: dict[str, Any] = {"max_total": 1} if injection.first else {}
        match = FaultMatch(service=call.site.service, headers={HEADER: TextMatch(exact=token)})
        mesh.faults.permit()
        mesh.faults.add(FaultRule(name=call.rule, match=match, **limit, **injection.kind.rule))
        self._rules.append((mesh, call.rule))

    @staticmethod
    def _answered(call: Observed, response: httpx.Response) -> None:
        call.status = str(response.status_code)
        sum_up(response, call.read)

    @staticmethod
    def _failed(call: Observed, error: BaseException) -> None:
        call.status = type(error).__name__
        call.sent = not isinstance(error, CallRejectedError)
