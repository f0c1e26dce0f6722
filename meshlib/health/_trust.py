"""
The TLS context of checks.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._options import TrustOptions

CredentialsOf = Callable[[], Any]
"""Tells the `meshlib.security.Credentials` of a service, which may change; or None."""
_DEFAULTS = tuple(
    (name, TrustOptions.model_fields[name].default) for name in ("ca", "cert", "key", "verify")
)


class Trust:
    """
    Makes one context for all endpoints of a service, and another when a file has changed.

    *protocols* are offered by ALPN. *credentials* tells those of the service, if it has any:
    they are used unless *options* say how to speak TLS themselves.
    """

    def __init__(
        self, options: TrustOptions, *protocols: str, credentials: CredentialsOf = lambda: None
    ) -> None:
        self._options = options
        self._own = any(getattr(options, name) != default for name, default in _DEFAULTS)
        self._credentials = credentials
        self._protocols = protocols
        self._files = [p for p in (options.ca, options.cert, options.key) if p is not None]
        self._made: tuple[list[int], ssl.SSLContext] | None = None

    def is_current(self, context: ssl.SSLContext | None) -> bool:
        """Whether a connection with *context* may be kept, by the credentials there are now."""
        credentials = None if self._own else self._credentials()
        if context is None or credentials is None:
            return not hasattr(context, "outdated")  # or there were some
        return bool(context is credentials.context(("checks", self._protocols)))

    def server_name(self, said: str | None) -> str | None:
        """The name to ask for: what was *said*, else that of the credentials."""
        credentials = None if self._own else self._credentials()
        return said or (None if credentials is None else credentials.server_name)

    def context(self) -> ssl.SSLContext:
        """The context for a new connection; raises OSError when a file is missing or wrong."""
        credentials = None if self._own else self._credentials()
        if credentials is not None:
            found: ssl.SSLContext = credentials.context(("checks", self._protocols))
            if self._protocols:
                found.set_alpn_protocols(list(self._protocols))
            return found
        state = [Path(path).stat().st_mtime_ns for path in self._files]
        if self._made is None or self._made[0] != state:
            self._made = (state, self._make())
        return self._made[1]

    def _make(self) -> ssl.SSLContext:
        options = self._options
        context = ssl.create_default_context(cafile=options.ca)
        if not options.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if options.cert is not None:
            context.load_cert_chain(options.cert, options.key)
        if self._protocols:
            context.set_alpn_protocols(list(self._protocols))
        return context
