"""
TLS under gunicorn: certificates that reload, and who the caller is.

In its configuration file, where `certfile`, `keyfile`, `ca_certs` and `cert_reqs` say the
rest as ever:

```python
from meshlib.integrations.gunicorn import ssl_context
```

gunicorn asks this hook for a context with each connection, in the worker that serves it,
and gets one that has the files as they are now. Around the application, `PeerCertificate`
puts the certificate of the caller into the environ, as `meshlib.tls.peer`, in DER form.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal

from .._fork import survive_fork
from ..security import ReloadingContext, ServerTLSOptions, server_context
from ._tls import Source, context_of, peer_of

__all__ = ["PeerCertificate", "ssl_context", "ssl_context_of"]

_CLIENTS: dict[ssl.VerifyMode, Literal["none", "requested", "required"]] = {
    ssl.CERT_NONE: "none",
    ssl.CERT_OPTIONAL: "requested",
    ssl.CERT_REQUIRED: "required",
}
Hook = Callable[[Any, Any], ssl.SSLContext]


def ssl_context(config: Any, _default: Any) -> ssl.SSLContext:
    """The hook of this name of gunicorn, by its own settings."""
    return _CONTEXTS.find(
        ServerTLSOptions(
            cert=config.certfile,
            key=config.keyfile,
            ca=config.ca_certs or (),
            client_certificates=_CLIENTS[ssl.VerifyMode(config.cert_reqs)],
        )
    )


def ssl_context_of(source: Source) -> Hook:
    """
    The same hook by *source*: a mesh, `ServerTLSOptions` or a context of `server_context`.

    gunicorn speaks TLS only if `certfile` is set; the file is not read then.
    """

    def ssl_context(_config: Any, _default: Any) -> ssl.SSLContext:
        if isinstance(source, ServerTLSOptions):
            return _CONTEXTS.find(source)
        return context_of(source)

    return ssl_context


class PeerCertificate:
    """A WSGI application around *app*, which finds the certificate of the caller."""

    def __init__(self, app: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve a request as a WSGI server asks."""
        environ["meshlib.tls.peer"] = peer_of(environ.get("gunicorn.socket"))
        return self._app(environ, start_response)


class _Contexts:
    """One context for each set of options: what is asked for with each connection."""

    def __init__(self) -> None:
        self._made: dict[ServerTLSOptions, ReloadingContext] = {}
        self.renew()
        survive_fork(self)

    def renew(self) -> None:
        """A forked child may not wait for a lock that a thread of its parent held."""
        self._lock = threading.Lock()

    def find(self, options: ServerTLSOptions) -> ReloadingContext:
        with self._lock:
            made = self._made.get(options)
            if made is None:
                made = self._made[options] = server_context(options)
            return made


_CONTEXTS = _Contexts()
