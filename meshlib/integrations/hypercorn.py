"""
TLS under Hypercorn: certificates that reload.

```python
config = TLSConfig(mesh)
config.bind = ["0.0.0.0:8443"]
await hypercorn.asyncio.serve(app, config)
```

Hypercorn speaks HTTP/2 to callers that can. It has no place where the certificate of a
caller could be put into a scope.
"""

from __future__ import annotations

import ssl

from hypercorn.config import Config

from ._tls import Source, context_of

__all__ = ["TLSConfig"]


class TLSConfig(Config):
    """A configuration of Hypercorn whose certificate comes from *source*."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._tls_source = source

    @property
    def ssl_enabled(self) -> bool:
        """Always: that is what this configuration is for."""
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        """The context of all connections, which offers what Hypercorn speaks."""
        context = context_of(self._tls_source)
        context.set_alpn_protocols(self.alpn_protocols)
        return context
