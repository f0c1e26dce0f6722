"""
`MeshClient`: an httpx client whose requests are calls of a mesh.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

import httpx

from ._client_options import check_service, refuse_body, service_url, split_options
from ._direct import DirectClient
from ._options_of_calls import BodyOptions, BuildOptions, PlainOptions
from ._public import public

if TYPE_CHECKING:
    from .events import Listener
    from .runtime import Mesh, Tenant
    from .telemetry import CallReport


@public
class MeshClient(DirectClient):
    """
    An `httpx.Client` whose requests find, balance, retry and protect themselves.

    *name* is this application. *config* is a document: a path, a mapping or a
    `MeshConfig`; *services* is a shortcut merged over it: a name and its URLs.
    *discovery* finds names that have no source of their own. *mesh* shares one `Mesh`
    between clients. *transport* really sends; by default connections of the mesh's own do,
    made with *verify*, *cert*, *http1*, *http2*, *limits*, *proxy*, *trust_env*, *retries*
    and the other options of `httpx.HTTPTransport`. *listeners* receive events. Every
    other option is httpx's. Raises ConfigurationError for what cannot be honoured.

    `get("http://users/x")` and `get("users", "/x")` say the same; a URL whose host is no
    service is an outside origin and gets the same policies.

    Thread-safe. Usable without `with`, before it and inside; once closed it sends nothing
    more, as in httpx. Closing twice is fine.
    """

    _has_own_build = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A subclass that builds requests itself is asked for every one of them.
        cls._has_own_build = cls.build_request is not MeshClient.build_request

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        mesh: Mesh | Tenant | None = None,
        transport: httpx.BaseTransport | None = None,
        listeners: Iterable[Listener] = (),
        **options: Any,
    ) -> None:
        # All that a mesh is made of: ten times what httpx is, so it is loaded with the first
        # client, and nothing is with the first request.
        from ._transports import MeshTransport

        wire, rest = split_options(options)
        self._transport_of_mesh = MeshTransport(
            name,
            config=config,
            services=services,
            discovery=discovery,
            mesh=mesh,
            transport=transport,
            listeners=listeners,
            **wire,
        )
        self.mesh = self._transport_of_mesh.mesh
        super().__init__(self._transport_of_mesh, trust_env=wire.get("trust_env", True), **rest)

    def service(self, name: str) -> ServiceClient:
        """A client bound to the service called *name*; raises NoEndpointError if unknown."""
        check_service(self.mesh, name)
        return ServiceClient(self, name)

    def explain(self, url: httpx.URL | str, path: str | None = None) -> CallReport:
        """What a GET of this URL would do, without sending anything."""
        return self._transport_of_mesh.explain(self.build_request("GET", url, path))

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        path: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> httpx.Request:
        """Build a request for a URL, or for *path* of the service called *url*."""
        if path is not None:
            url = service_url(self.mesh, url, path)
        return super().build_request(method, url, **options)

    def request(
        self,
        method: str,
        url: httpx.URL | str,
        path: str | None = None,
        **options: Unpack[BodyOptions],
    ) -> httpx.Response:
        """Send a request to a URL, or to *path* of the service called *url*."""
        if path is not None:
            url = service_url(self.mesh, url, path)
        if not options and not self._has_own_build:
            request = self.quick_request(method, url)
            if request is not None:
                return self.send(request)
        return super().request(method, url, **options)

    @contextmanager
    def stream(
        self,
        method: str,
        url: httpx.URL | str,
        path: str | None = None,
        **options: Unpack[BodyOptions],
    ) -> Iterator[httpx.Response]:
        """Send a request and leave its response open inside a `with` block."""
        if path is not None:
            url = service_url(self.mesh, url, path)
        with super().stream(method, url, **options) as response:
            yield response

    def get(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[PlainOptions]
    ) -> httpx.Response:
        """Send a GET request to a URL, or to *path* of the service called *url*."""
        if options:
            refuse_body("get", options)
        return self.request("GET", url, path, **options)

    def options(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[PlainOptions]
    ) -> httpx.Response:
        """Send an OPTIONS request to a URL, or to *path* of the service called *url*."""
        if options:
            refuse_body("options", options)
        return self.request("OPTIONS", url, path, **options)

    def head(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[PlainOptions]
    ) -> httpx.Response:
        """Send a HEAD request to a URL, or to *path* of the service called *url*."""
        if options:
            refuse_body("head", options)
        return self.request("HEAD", url, path, **options)

    def delete(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[PlainOptions]
    ) -> httpx.Response:
        """Send a DELETE request to a URL, or to *path* of the service called *url*."""
        if options:
            refuse_body("delete", options)
        return self.request("DELETE", url, path, **options)

    def post(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[BodyOptions]
    ) -> httpx.Response:
        """Send a POST request to a URL, or to *path* of the service called *url*."""
        return self.request("POST", url, path, **options)

    def put(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[BodyOptions]
    ) -> httpx.Response:
        """Send a PUT request to a URL, or to *path* of the service called *url*."""
        return self.request("PUT", url, path, **options)

    def patch(
        self, url: httpx.URL | str, path: str | None = None, **options: Unpack[BodyOptions]
    ) -> httpx.Response:
        """Send a PATCH request to a URL, or to *path* of the service called *url*."""
        return self.request("PATCH", url, path, **options)


@public
class ServiceClient:
    """Sends requests to one service by path; made by `MeshClient.service`."""

    def __init__(self, client: MeshClient, name: str) -> None:
        self._client = client
        self.name = name

    def __repr__(self) -> str:
        return f"<ServiceClient {self.name!r}>"

    def explain(self, path: str) -> CallReport:
        """What a GET of *path* would do, without sending anything."""
        return self._client.explain(self.name, path)

    def build_request(
        self, method: str, path: str, **options: Unpack[BuildOptions]
    ) -> httpx.Request:
        """Build a request for *path*."""
        return self._client.build_request(method, self.name, path, **options)

    def request(self, method: str, path: str, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a request to *path*."""
        return self._client.request(method, self.name, path, **options)

    def stream(
        self, method: str, path: str, **options: Unpack[BodyOptions]
    ) -> AbstractContextManager[httpx.Response]:
        """Send a request to *path* and leave its response open inside a `with` block."""
        return self._client.stream(method, self.name, path, **options)

    def get(self, path: str, **options: Unpack[PlainOptions]) -> httpx.Response:
        """Send a GET request to *path*."""
        return self._client.get(self.name, path, **options)

    def options(self, path: str, **options: Unpack[PlainOptions]) -> httpx.Response:
        """Send an OPTIONS request to *path*."""
        return self._client.options(self.name, path, **options)

    def head(self, path: str, **options: Unpack[PlainOptions]) -> httpx.Response:
        """Send a HEAD request to *path*."""
        return self._client.head(self.name, path, **options)

    def delete(self, path: str, **options: Unpack[PlainOptions]) -> httpx.Response:
        """Send a DELETE request to *path*."""
        return self._client.delete(self.name, path, **options)

    def post(self, path: str, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a POST request to *path*."""
        return self._client.request("POST", self.name, path, **options)

    def put(self, path: str, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a PUT request to *path*."""
        return self._client.request("PUT", self.name, path, **options)

    def patch(self, path: str, **options: Unpack[BodyOptions]) -> httpx.Response:
        """Send a PATCH request to *path*."""
        return self._client.request("PATCH", self.name, path, **options)
