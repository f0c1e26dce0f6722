"""
What routes, sessions and tenants have to do with one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._exceptions import RouteDeniedError
from ..routing import HeaderEdits, Route, Session, endpoint_id
from ._attempt import Attempt
from ._headers import Triple, add_header, edit_headers
from ._lane import Lane
from ._mirror_tap import Awaiting, fork, watch
from ._sdk import Sdk


class Routed:
    """
    The route of a call and what it changes; made once, before the first attempt.

    *path* is path and query, which become what is sent. *home* is the service whose routes
    they are. *session* is the one that the call's
    request brought, if any.
    """

    __slots__ = (
        "edits", "home", "lane", "mirrored", "moved", "path", "route", "session", "skipped",
    )  # fmt: skip

    def __init__(self, lane: Lane, route: Route | None, path: bytes, home: str) -> None:
        self.lane = lane
        self.home = home
        self.route = route
        self.path = path if route is None or route.split is None else route.rewrite(path)
        destination = lane.destination
        self.edits: HeaderEdits | None = (
            None if destination is None else destination.request_headers
        )
        self.session: Session | None = None
        self.mirrored: Sequence[Awaiting] = ()
        """Who waits for the answer, to compare it with that of a copy."""
        self.moved = False
        self.skipped: tuple[tuple[str, str], ...] = ()
        """Routes before this one and why they were not taken; only for who asks."""

    def told(self) -> dict[str, str | None]:
        """What events say of it."""
        lane, route = self.lane, self.route
        return {
            "route": "default" if route is None else route.name,
            "destination": None if lane.destination is None else lane.destination.name,
            "tenant": lane.tenant,
        }

    @property
    def label(self) -> str:
        """The route as `service/route`; empty without one."""
        return "" if self.route is None else f"{self.home}/{self.route.name}"

    @property
    def answers(self) -> bool:
        """Whether the route ends the call itself."""
        return self.route is not None and self.route.split is None

    def edited(self, headers: list[Triple]) -> list[Triple]:
        """The headers to send."""
        return headers if self.edits is None else self.edits.edit_triples(headers)

    def answer(self, call: Any, sdk: Sdk) -> Any:
        """
        The response that the route gives itself; None when the call goes on.

        Raises RouteDeniedError.
        """
        route = self.route
        if route is None or route.split is not None:
            return None
        if route.deny is not None:
            raise RouteDeniedError(
                f"{route.deny.reason} (route {route.name!r} of {call.service.name!r})",
                service=call.service.name,
                route=route.name,
                status=route.deny.status,
            )
        url = call.request.url
        authority = call.request.headers.get("host", "")
        answer = route.answer(url.scheme, authority, url.raw_path)
        assert answer is not None  # a route without a split denies or answers
        body = b"" if call.request.method == "HEAD" else answer.body
        return sdk.response(answer.status, headers=list(answer.headers), content=body)

    def started(self, call: Any) -> None:
        """The first attempt of *call* is about to be sent: copy it for its mirrors."""
        if self.lane.mirrors:
            self.mirrored = fork(call, self.lane.mirrors)

    def settled(self, attempt: Attempt) -> None:
        """Count the first attempt's outcome for whoever judges the canary."""
        lane = self.lane
        outcome = attempt.outcome
        if lane.samples is not None and attempt.number == 1 and outcome is not None:
            verdict = outcome.verdict
            if verdict:  # what says nothing about the endpoint is no sample
                lane.samples.add(
                    canary=lane.is_canary, failed=verdict != 1, elapsed=attempt.elapsed
                )

    def respond(self, call: Any, attempt: Attempt | None, response: Any) -> None:
        """Change the headers of *response*, and start or move the session."""
        if self.mirrored:
            watch(self.mirrored, response)
        destination = self.lane.destination
        if destination is not None and destination.response_headers is not None:
            edit_headers(response.headers, destination.response_headers)
        affinity = self.lane.affinity
        if affinity is None or attempt is None:
            return
        service, session = call.service, self.session
        endpoint = attempt.target.endpoint
        now = service.wall()
        if session is None:
            session = affinity.begin(endpoint, now, service.rng.random())
        elif not self.moved:
            return
        elif session.endpoint != endpoint_id(endpoint):
            return  # a retry or a probe answered; the session stays where it was sent
        name, value = affinity.header(session, now)
        add_header(response.headers, name, value)
