"""
Endpoints from the keys of a service.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from ..._exceptions import DiscoveryError
from ..._models import Endpoint
from .._settings import one_of, seconds, text
from .._timing import Timing
from ._cluster import GATEWAY, LOCAL, PREFIX, TIMEOUT, Cluster, checked_prefix
from ._errors import OUT_OF_RANGE, EtcdError, RefusedError, StaleError
from ._layout import key_prefix
from ._members import Members
from ._pace import Pace
from ._view import View

_SILENCE_JITTER = 0.2


class EtcdDiscovery:
    """
    Reads the instances of a service from etcd v3, and watches them.

    *addresses*: the members of the cluster, one URL or a list; each watch begins with one
    of them by chance and goes on to the next when it fails. Default
    `http://127.0.0.1:2379`, where etcd listens unless told otherwise.
    *prefix*: what the keys begin with; those of a service are `<prefix>/<service>/...`.
    Default `/meshlib/services`. It may be empty, as it is for services that gRPC programs
    in Go register by a bare name.
    *service*: the name in etcd; default: the one that the mesh calls it.
    *scheme*: `http` (default) or `https`, for values that are addresses without one; a
    `scheme` in the metadata of an instance wins.
    *username*, with *password* or *password_file*: needed where authentication is enabled.
    The file is read again for each token.
    *tls*: `{ca: FILE, cert: FILE, key: FILE, verify: true, server_name: NAME}`.
    *gateway*: the path of the JSON gateway, default `/v3`; etcd 3.3 has it at `/v3beta`.
    *timeout*: seconds for an answer, and for the beginning of a watch, from each member;
    default 5, after which etcd gives up as well.
    *idle_timeout*: a watch that has been silent for so many seconds is begun again, since
    a server that hangs or is unplugged says nothing either; default 30, with up to a
    fifth more by chance.
    """

    name = "etcd"

    def __init__(
        self,
        addresses: str | Sequence[str] = LOCAL,
        *,
        prefix: str = PREFIX,
        service: str | None = None,
        scheme: str = "http",
        username: str | None = None,
        password: str | None = None,
        password_file: str | None = None,
        tls: Any = None,
        gateway: str = GATEWAY,
        timeout: float | str = TIMEOUT,
        idle_timeout: float | str = 30.0,
        _timing: Timing | None = None,
    ) -> None:
        self._cluster = Cluster(
            addresses,
            username=username,
            password=password,
            password_file=password_file,
            tls=tls,
            gateway=gateway,
            timeout=timeout,
        )
        self._prefix = checked_prefix(prefix)
        self._service = None if service is None else text(service, "service").strip("/")
        self._scheme = one_of(scheme, ("http", "https"), "scheme")
        self._silence = seconds(idle_timeout, "idle_timeout", minimum=0.1)
        self._timing = Timing() if _timing is None else _timing

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, whenever its keys change."""
        prefix = key_prefix(self._prefix, self._service or service)
        view = View(prefix, scheme=self._scheme, service=service)
        try:
            async with (
                Members(self._cluster, self._timing) as members,
                aclosing(self._lists(members, view)) as lists,
            ):
                async for endpoints in lists:
                    yield endpoints
        except EtcdError as exc:
            raise DiscoveryError(str(exc), service=service, source=self.name) from exc

    async def _lists(
        self, members: Members, view: View
    ) -> AsyncGenerator[Sequence[Endpoint], None]:
        pace = Pace(self._timing)
        while True:
            await pace.begin()
            try:
                if not view.whole:
                    while not view.whole:
                        view.add_page(await members.call("/kv/range", view.range_request()))
                    yield view.endpoints()
                async with aclosing(self._changes(members, view, pace)) as changes:
                    async for _ in changes:
                        yield view.endpoints()
            except StaleError:
                view.restart()
            except RefusedError as exc:
                if exc.code == OUT_OF_RANGE:
                    view.restart()  # the revision of its pages has been compacted away
                elif exc.elsewhere:
                    members.turn()
                else:
                    raise

    async def _changes(
        self, members: Members, view: View, pace: Pace
    ) -> AsyncGenerator[None, None]:
        """One watch, for as long as it lasts; it ends in an error or without one."""
        silence = self._silence * (1.0 + _SILENCE_JITTER * self._timing.rng.random())
        async with await members.open("/watch", view.watch_request(), silence) as stream:
            messages: list[dict[str, Any]] | None = stream.first
            while messages is not None:
                # Not any() of a generator: each message must be taken.
                changed = [view.receive(message) for message in messages]
                if any(changed):
                    yield
                try:
                    messages = await stream.receive()
                except httpx.ReadTimeout:
                    pace.lasted()  # silence is no failure; a member that lives will say so
                    return
                except (httpx.HTTPError, OSError):
                    members.turn()
                    return
