"""
Endpoints from the instances of a service in Consul.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ..._exceptions import ConfigurationError, DiscoveryError
from ..._models import Endpoint
from .._settings import flag, mapping, number, one_of, seconds, text, texts
from .._timing import Timing
from ._agent import TIMEOUT, Agent
from ._errors import ConsulError
from ._freshness import CONSISTENCIES, Freshness
from ._parse import HEALTHS
from ._query import filter_of, prepared_path, service_path
from ._reader import Pace, Reader
from ._view import View
from ._wire import prepared_records, records

_LONGEST = 600.0
"""Seconds; Consul lets no query wait for longer."""
_FILTERED = "x-consul-results-filtered-by-acls"


class ConsulDiscovery:
    """
    Reads the instances of a service from Consul, and watches them by blocking queries.

    *address*: the agent, `http://host:port`, `https://host:port`, `host:port` or
    `unix:///path`; default: `CONSUL_HTTP_ADDR`, else `http://127.0.0.1:8500`.
    *service*: the name in Consul; default: the one that the mesh calls it.
    *health*: which instances are taken: `passing` (default) those of which all checks
    pass, of their node as well; `warning` also those with a warning, with the weight that
    they have for that; `any` also critical ones, for which the mesh has health checks of
    its own. None in maintenance.
    *tags*: instances that have all of these. *node_meta*: instances on nodes that have
    these. *filter*: instances of which this expression of Consul's is true.
    *datacenter*: default: the one of the agent.
    *near*: a node, or `_agent`, from which the list is sorted by round trip time.
    *limit*: how many instances are taken, beginning with the nearest; default: all.
    *query*: the name or id of a prepared query, which stands for *service*, *health*,
    *tags*, *node_meta* and *filter*. Nobody can wait for one, so it is read every *poll*.
    *poll*: seconds between two reads where nothing can be waited for; default 5.
    *scheme*: `http` (default) or `https`; a `scheme` in the Meta of an instance wins.
    *token* or *token_file*: the ACL token; default: `CONSUL_HTTP_TOKEN_FILE`, else
    `CONSUL_HTTP_TOKEN`. The file is read for each query.
    *namespace*, *partition*: of Consul Enterprise, and sent only when set; default:
    `CONSUL_NAMESPACE` and `CONSUL_PARTITION`.
    *tls*: `{ca: FILE, cert: FILE, key: FILE, verify: true, server_name: NAME}`; default:
    `CONSUL_CACERT` and those beside it.
    *consistency*: `default`, where the leader of the servers answers; `stale`, where any
    of them does, even when there is no leader; `consistent`, where the leader first makes
    sure that it still is one.
    *max_stale*: seconds that a server may not have heard of the leader; an older answer is
    read again from the leader. Default: any age, as Consul's DNS has it, since endpoints
    that may be old are better than none.
    *cached*: whether the agent may answer from its cache, which it keeps up to date with
    one query for all its clients.
    *wait*: seconds that a query waits for a change, default 60, at most 600. An agent that
    hangs is noticed after that, and it must be less than what a proxy before it allows.
    *min_interval*: seconds between two queries when changes do not end, default 0.5. Five
    in a row are seen without delay.
    *timeout*: seconds for an answer, default 10, beside the wait.
    """

    name = "consul"

    def __init__(
        self,
        address: str | None = None,
        *,
        service: str | None = None,
        health: str | None = None,
        tags: str | Sequence[str] = (),
        node_meta: Mapping[str, str] | None = None,
        filter: str | None = None,  # noqa: A002 -- it is what Consul calls it
        datacenter: str | None = None,
        near: str | None = None,
        limit: int | None = None,
        query: str | None = None,
        poll: float | str = 5.0,
        scheme: str = "http",
        token: str | None = None,
        token_file: str | None = None,
        namespace: str | None = None,
        partition: str | None = None,
        tls: Any = None,
        consistency: str = "default",
        max_stale: float | str | None = None,
        cached: bool = False,
        wait: float | str = 60.0,
        min_interval: float | str = 0.5,
        timeout: float | str = TIMEOUT,
        _timing: Timing | None = None,
    ) -> None:
        self._agent = Agent(
            address,
            token=token,
            token_file=token_file,
            namespace=namespace,
            partition=partition,
            tls=tls,
            timeout=timeout,
        )
        self._service = None if service is None else text(service, "service")
        self._query = None if query is None else text(query, "query")
        if self._query is not None:
            _alone(service=service, health=health, tags=tags, node_meta=node_meta, filter=filter)
            # Of a prepared query an agent caches the answer without keeping it up to date.
            _alone(cached=cached)
        # A prepared query has chosen already.
        health = ("any" if self._query else "passing") if health is None else health
        self._health = one_of(health, HEALTHS, "health")
        self._scheme = one_of(scheme, ("http", "https"), "scheme")
        self._limit = None if limit is None else _count(limit, "limit")
        self._params = {} if datacenter is None else {"dc": text(datacenter, "datacenter")}
        if near is not None:
            self._params["near"] = text(near, "near")
        if self._health == "passing":
            self._params["passing"] = ""
        expression = filter_of(
            texts(tags, "tags"),
            {} if node_meta is None else mapping(node_meta, "node_meta"),
            None if filter is None else text(filter, "filter"),
        )
        if expression:
            self._params["filter"] = expression
        self._consistency = one_of(consistency, CONSISTENCIES, "consistency")
        self._max_stale = None if max_stale is None else seconds(max_stale, "max_stale")
        self._cached = flag(cached, "cached")
        if self._cached and self._consistency == "consistent":
            raise ConfigurationError("what is cached cannot be consistent", path="cached")
        self._pace = Pace(
            wait=number(seconds(wait, "wait", minimum=0.1), "wait", maximum=_LONGEST),
            interval=seconds(min_interval, "min_interval", minimum=0.01),
            poll=seconds(poll, "poll", minimum=0.1),
        )
        self._timing = Timing() if _timing is None else _timing

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, whenever Consul says something else of it."""
        view = View(
            service,
            records if self._query is None else prepared_records,
            health=self._health,
            scheme=self._scheme,
            limit=self._limit,
        )
        try:
            async with await self._agent.client() as client:
                reader = self._reader(client, service)
                while True:
                    response = await reader.read()
                    endpoints = await view.changed(response.content)
                    if endpoints == () and response.headers.get(_FILTERED) == "true":
                        raise ConsulError(
                            f"the agent at {self._agent.address} hides what the token may not see"
                        )
                    if endpoints is not None:
                        yield endpoints
        except ConsulError as exc:
            raise DiscoveryError(str(exc), service=service, source=self.name) from exc

    def _reader(self, client: Any, service: str) -> Reader:
        if self._query is None:
            path = service_path(self._service or service)
        else:
            path = prepared_path(self._query)
        return Reader(
            self._agent,
            client,
            path,
            self._params,
            blocking=self._query is None,
            pace=self._pace,
            freshness=Freshness(self._consistency, self._max_stale, cached=self._cached),
            timing=self._timing,
        )


def _count(value: Any, path: str) -> int:
    if not number(value, path, minimum=1).is_integer():
        raise ConfigurationError(f"{value!r} is not a whole number", path=path)
    return int(value)


def _alone(**settings: Any) -> None:
    """Refuse what has no effect beside a prepared query."""
    for name, value in settings.items():
        if value:
            raise ConfigurationError(f"a prepared query does not obey {name}", path=name)
