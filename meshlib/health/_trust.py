"""
The TLS context of checks.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ._options import TrustOptions


class Trust:
    """
    Makes one context for all endpoints of a service, and another when a file has changed.

    *protocols* are offered by ALPN.
    """

    def __init__(self, options: TrustOptions, *protocols: str) -> None:
        self._options = options
        self._protocols = protocols
        self._files = [p for p in (options.ca, options.cert, options.key) if p is not None]
        self._made: tuple[list[int], ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """The context for a new connection; raises OSError when a file is missing or wrong."""
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
