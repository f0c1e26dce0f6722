"""
How connections are made: what an httpx transport takes, and where a proxy comes in.
"""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from .._exceptions import ConfigurationError
from ._sdk import HTTPX, Sdk

DEFAULT_LIMITS = HTTPX.http.Limits(
    max_connections=None, max_keepalive_connections=None, keepalive_expiry=5.0
)
"""The bulkhead bounds what is in flight; a second bound below it would queue unseen."""


_WITH_VARIABLE = ("http", "https")
"""Schemes whose own variable httpx reads; others, as `wss`, have but `ALL_PROXY`."""
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name the certificate authorities to trust."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOptions:
    """
    The options of the `HTTPTransport` of *sdk*, with its meanings and defaults but for *limits*.
    """

    verify: ssl.SSLContext | str | bool = True
    cert: Any = None
    trust_env: bool = True
    http1: bool = True
    http2: bool = False
    limits: Any = field(default_factory=lambda: DEFAULT_LIMITS)
    proxy: Any = None
    uds: str | None = None
    local_address: str | None = None
    retries: int = 0
    socket_options: Iterable[Any] | None = None
    sdk: Sdk = HTTPX
    _context: list[ssl.SSLContext] = field(default_factory=list, init=False, compare=False)
    _proxies: dict[str, str] = field(default_factory=dict, init=False, compare=False)
    """What the environment said when the client was made, as httpx reads it."""

    def __post_init__(self) -> None:
        if self.trust_env:
            self._proxies.update(urllib.request.getproxies())
            if any(name in os.environ for name in _AUTHORITIES):
                self.context()  # the variables are read now, as httpx reads them
        if self.http2:
            try:
                import h2  # noqa: F401 -- only whether it is there
            except ImportError:
                raise ConfigurationError(
                    "http2=True needs the package h2",
                    path="http2",
                    hint=f"install {self.sdk.name}[http2]",
                ) from None
        if not (self.http1 or self.http2):
            raise ConfigurationError("http1 and http2 are both off", path="http1")
        if self.proxy is not None and (self.uds is not None or self.local_address is not None):
            raise ConfigurationError(
                "a proxy cannot be combined with uds or local_address", path="proxy"
            )

    def as_given(self) -> dict[str, Any]:
        """The same as arguments of that transport."""
        return {name: getattr(self, name) for name in WIRE_OPTION_NAMES}

    def context(self) -> ssl.SSLContext:
        """The one TLS context of these options; built when the first TLS connection needs it."""
        if not self._context:
            ordinary = self.verify is True and self.cert is None and not self.http2
            if ordinary and not any(name in os.environ for name in _AUTHORITIES):
                self._context.append(_default_context(self.sdk))
            else:
                self._context.append(
                    self.sdk.http.create_ssl_context(
                        verify=self.verify, cert=self.cert, trust_env=self.trust_env
                    )
                )
        return self._context[0]

    def proxy_for(self, scheme: str, host: str, port: int) -> Any:
        """The proxy for an address: the one given, else what the environment names."""
        if self.proxy is not None:
            return proxy_of(self.sdk, self.proxy)
        known = self._proxies
        url = (known.get(scheme) if scheme in _WITH_VARIABLE else None) or known.get("all")
        # The standard library's matching of `no_proxy`, which typeshed does not know.
        bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # see above
        if not url or bypass(f"{host}:{port}", known):
            return None
        return proxy_of(self.sdk, url if "://" in url else f"http://{url}")


def proxy_of(sdk: Sdk, proxy: Any) -> Any:
    """*proxy* itself, or that of a URL."""
    return proxy if isinstance(proxy, sdk.http.Proxy) else sdk.http.Proxy(proxy)


@lru_cache(maxsize=4)
def _default_context(sdk: Sdk) -> ssl.SSLContext:
    # One context is 0.8 MB and 15 ms; every client with the default options can share it.
    context: ssl.SSLContext = sdk.http.create_ssl_context()
    return context


WIRE_OPTION_NAMES = tuple(
    item.name for item in fields(WireOptions) if item.init and item.name != "sdk"
)
