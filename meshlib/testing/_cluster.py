"""Services without sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from .._clock import Clock
from ._endpoint import FakeEndpoint, Served
from ._script import Item


class FakeService:
    """The endpoints of one service, in order, and what reached them."""

    def __init__(self, name: str, endpoints: Sequence[FakeEndpoint]) -> None:
        self.name = name
        self.endpoints = list(endpoints)

    @property
    def urls(self) -> list[str]:
        """Where its endpoints are: what `services=` takes."""
        return [endpoint.url for endpoint in self.endpoints]

    @property
    def calls(self) -> int:
        """Requests that reached one of them."""
        return sum(endpoint.calls for endpoint in self.endpoints)

    @property
    def served(self) -> list[Served]:
        """Those requests, in the order of their time."""
        served = [each for endpoint in self.endpoints for each in endpoint.served]
        return sorted(served, key=lambda each: each.time)

    def answer(self, *items: Item) -> None:
        """Begin a new script on every endpoint."""
        for endpoint in self.endpoints:
            endpoint.answer(*items)

    def down(self) -> None:
        """Have every endpoint refuse connections."""
        for endpoint in self.endpoints:
            endpoint.down()

    def up(self) -> None:
        """Have every endpoint accept connections."""
        for endpoint in self.endpoints:
            endpoint.up()

    def __iter__(self) -> Iterator[FakeEndpoint]:
        return iter(self.endpoints)

    def __getitem__(self, index: int) -> FakeEndpoint:
        return self.endpoints[index]

    def __repr__(self) -> str:
        return f"<FakeService {self.name!r}: {self.endpoints}>"


class FakeCluster(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """
    Services whose endpoints are scripts: the `transport=` of clients of both kinds.

    Each value of *services* is what one endpoint answers, one item or a list of them; or
    several endpoints, as a list of `FakeEndpoint` or as a dict from URLs to scripts.
    `services` is what a client takes for its own argument of that name, and
    `cluster["payments"]` the service, to change its scripts and count its calls.

    Delays pass on *clock*, by default that of the surroundings: at once under a
    `VirtualTime`. A request to any other host fails as for a name that cannot be resolved.
    Thread-safe.
    """

    def __init__(
        self, services: Mapping[str, Any] | None = None, *, clock: Clock | None = None
    ) -> None:
        self.clock = clock
        self._services: dict[str, FakeService] = {}
        self._endpoints: dict[str, FakeEndpoint] = {}
        for name, value in (services or {}).items():
            self.add(name, value)

    def add(self, name: str, value: Any = 200) -> FakeService:
        """Add the service called *name*, in place of one that was called so."""
        service = FakeService(name, _endpoints_of(value))
        for number, endpoint in enumerate(service.endpoints, 1):
            endpoint.url = endpoint.url or f"http://{name}-{number}.fake"
            endpoint.clock = endpoint.clock or self.clock
            self._endpoints[_key(httpx.URL(endpoint.url))] = endpoint
        self._services[name] = service
        return service

    @property
    def services(self) -> dict[str, list[str]]:
        """The URLs of every service, by its name."""
        return {name: service.urls for name, service in self._services.items()}

    @property
    def calls(self) -> int:
        """Requests that reached any endpoint."""
        return sum(service.calls for service in self._services.values())

    def __getitem__(self, name: str) -> FakeService:
        try:
            return self._services[name]
        except KeyError:
            known = ", ".join(sorted(self._services)) or "none"
            raise KeyError(f"no service {name!r} in this cluster; there are: {known}") from None

    def __iter__(self) -> Iterator[FakeService]:
        return iter(self._services.values())

    def check(self, endpoint: Any) -> bool:
        """Whether *endpoint* is up: what `health_check: {call: ...}` takes."""
        found = self._endpoints.get(_key(httpx.URL(endpoint.url)))
        return found is not None and found.is_up

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the endpoint that *request* is aimed at."""
        return self._find(request).handle(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the endpoint that *request* is aimed at."""
        return await self._find(request).ahandle(request)

    def _find(self, request: httpx.Request) -> FakeEndpoint:
        endpoint = self._endpoints.get(_key(request.url))
        if endpoint is None:
            raise httpx.ConnectError(
                f"[Errno -2] Name or service not known: no fake endpoint is at {request.url.host}"
            )
        return endpoint

    def __repr__(self) -> str:
        return f"<FakeCluster: {list(self._services.values())}>"


def _endpoints_of(value: Any) -> list[FakeEndpoint]:
    if isinstance(value, FakeEndpoint):
        return [value]
    if isinstance(value, Mapping) and all("://" in str(url) for url in value):
        return [_at(url, script) for url, script in value.items()]
    if isinstance(value, Sequence) and any(isinstance(each, FakeEndpoint) for each in value):
        return [each if isinstance(each, FakeEndpoint) else FakeEndpoint(each) for each in value]
    return [FakeEndpoint(value)]


def _at(url: str, value: Any) -> FakeEndpoint:
    endpoint = value if isinstance(value, FakeEndpoint) else FakeEndpoint(value)
    endpoint.url = url
    return endpoint


def _key(url: httpx.URL) -> str:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"
