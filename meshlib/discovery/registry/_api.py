"""
The routes of the registry.
"""

from __future__ import annotations

import itertools
import json
import logging
import sqlite3
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.lowlevel import RunVar
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..._exceptions import ConfigurationError
from .._settings import seconds
from .._timing import Timing
from ._feed import Feed
from ._ledger import Ledger
from ._problem import invalid, problem
from ._record import check_id, check_service, parse_record, read_json
from ._snapshot import Snapshot
from ._watch import WatchResponse

_LOGGER = logging.getLogger("meshlib")
_MAX_WAIT = 300.0
"""Seconds that a request may wait for a change; most proxies cut it off before."""
_DEFAULT_WAIT = 30.0
_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """*max_body* is in bytes; *keep_alive* the seconds between two comments of a watch."""

    max_body: int
    keep_alive: float


class Api:
    """What each route does, over one *ledger*. Usable on several event loops at once."""

    def __init__(self, ledger: Ledger, limits: Limits, timing: Timing) -> None:
        self.ledger = ledger
        self._limits = limits
        self._timing = timing
        # By a name of its own: older versions of anyio tell these variables apart by it.
        self._feeds: RunVar[Feed] = RunVar(f"meshlib_registry_{next(_NUMBERS)}")

    @property
    def feed(self) -> Feed:
        """That of the running event loop; a new one after it was closed."""
        feed = self._feeds.get(None)
        if feed is None or feed.closed:
            feed = Feed(self.ledger, self._timing)
            self._feeds.set(feed)
        return feed

    async def put(self, request: Request) -> Response:
        """Register an instance, or replace it."""
        service, instance = _place(request)
        record = parse_record(instance, read_json(await self._body(request)))
        created = await self.feed.do(self.ledger.put, service, record)
        answer = {
            "service": service,
            "id": instance,
            "ttl": record.ttl,
            "epoch": self.ledger.epoch,
            "revision": self.ledger.list_revision(service),
        }
        return _json(json.dumps(answer).encode(), 201 if created else 200)

    async def beat(self, request: Request) -> Response:
        """Take a heartbeat."""
        service, instance = _place(request)
        if await self.feed.beat((service, instance)):
            return Response(status_code=204)
        return problem(404, f"{service} has no instance {instance}; register it")

    async def delete(self, request: Request) -> Response:
        """Forget an instance; one that is unknown is no error."""
        service, instance = _place(request)
        await self.feed.do(self.ledger.remove, service, instance)
        return Response(status_code=204)

    async def services(self, request: Request) -> Response:
        """List the services that have instances."""
        await self.feed.do(self.ledger.refresh)
        ledger = self.ledger
        answer = {
            "epoch": ledger.epoch,
            "revision": ledger.revision,
            "services": [
                {"name": name, "revision": revision, "instances": instances}
                for name, revision, instances in ledger.services()
            ],
        }
        body = json.dumps(answer, separators=(",", ":")).encode()
        return _tagged(request, f"{ledger.epoch}.{ledger.revision}", body)

    async def service(self, request: Request) -> Response:
        """List the instances of a service, at once or when the list is another than `after`."""
        service = check_service(request.path_params["service"])
        after = request.query_params.get("after")
        wait = _wait(request.query_params.get("wait"))
        feed = self.feed
        await feed.do(self.ledger.refresh)
        snapshot = self.ledger.snapshot(service)
        if after is not None and _is_at(snapshot, after):
            with anyio.move_on_after(wait):
                await feed.next(service, snapshot.cursor)
            snapshot = self.ledger.snapshot(service)
        return _tagged(request, snapshot.cursor, snapshot.body)

    async def watch(self, request: Request) -> WatchResponse:
        """Stream the list of a service."""
        service = check_service(request.path_params["service"])
        feed = self.feed
        await feed.do(self.ledger.refresh)
        cursor = request.headers.get("last-event-id", "")
        keep_alive = self._limits.keep_alive
        return WatchResponse(feed, self._timing, service, cursor, keep_alive)

    async def health(self, request: Request) -> Response:
        """Say whether the database works."""
        await self.feed.do(self.ledger.refresh)
        return _json(b'{"status":"ok"}')

    async def _body(self, request: Request) -> bytes:
        limit = self._limits.max_body
        content = bytearray()
        try:
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    content += chunk
                    if len(content) > limit:
                        raise HTTPException(413, f"the body is longer than {limit} bytes")
        except ClientDisconnect:
            raise HTTPException(400, "the client has gone") from None
        return bytes(content)


async def on_invalid(_request: Request, error: Exception) -> Response:
    """Answer to what is wrong in a request."""
    assert isinstance(error, ConfigurationError)
    return invalid(error)


async def on_http(_request: Request, error: Exception) -> Response:
    """Answer to a path or a method that does not exist, among others."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, headers=error.headers)


async def on_full(_request: Request, error: Exception) -> Response:
    """Answer when there is no room."""
    return problem(507, str(error))


async def on_database(_request: Request, error: Exception) -> Response:
    """Answer while the database cannot be used; the reason is for those who run it."""
    assert isinstance(error, sqlite3.Error)
    _LOGGER.warning("the registry cannot use its database: %s", error)
    return problem(503, "the database cannot be used", headers={"Retry-After": "1"})


async def on_error(_request: Request, _error: Exception) -> Response:
    """Answer to a mistake of ours, which the server logs."""
    return problem(500, "the registry failed")


def _place(request: Request) -> tuple[str, str]:
    params = request.path_params
    return check_service(params["service"]), check_id(params["id"])


def _wait(value: str | None) -> float:
    if value is None:
        return _DEFAULT_WAIT
    number: Any = value
    try:
        number = float(value)
    except ValueError:
        pass  # a text such as 30s
    wait = seconds(number, "wait")
    if wait > _MAX_WAIT:
        raise ConfigurationError(f"{value!r} is above {_MAX_WAIT:g} seconds", path="wait")
    return wait


def _is_at(snapshot: Snapshot, after: str) -> bool:
    """Whether *after*, a cursor or a revision alone, names *snapshot*."""
    return after in (snapshot.cursor, str(snapshot.revision))


def _tagged(request: Request, cursor: str, body: bytes) -> Response:
    """The answer *body*, or that the client has it already."""
    headers = {"ETag": f'"{cursor}"', "Cache-Control": "no-cache"}
    asked = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    if tags & {"*", headers["ETag"]}:
        return Response(status_code=304, headers=headers)
    return _json(body, headers=headers)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, media_type="application/json", headers=headers)
