"""
Errors of the wire that TLS explains.

httpx says of a refused certificate what OpenSSL says, and nothing of who was called. For
a service with credentials the same error, of the same class, also names the service, the
endpoint, what was presented and what was wanted; its cause is a HandshakeError.
"""

from __future__ import annotations

from .._exceptions import HandshakeError
from ..security import refused
from ._sdk import Sdk
from ._target import Target

_PERHAPS = "perhaps as it requires a client certificate, and none was shown"
_PERHAPS_OWN = "perhaps as it refuses the client certificate"


def explained(
    sdk: Sdk, target: Target, service: str, exc: BaseException, fresh: bool
) -> Exception | None:
    """
    What to raise for *exc*; None when TLS does not explain it.

    *fresh* says that the connection was new, and nothing was received by it.
    """
    tls = target.tls
    host = target.host.decode("ascii")
    found = refused(
        exc,
        wanted=tls.wanted or tls.server_name or host,
        shown=tls.shown,
        roots=tls.certificates.facts.roots,
    )
    place = f"{service}: {target.address}"
    if found is None:
        error = sdk.wire_errors.get(type(exc))
        if (
            not fresh
            or error is None
            or not isinstance(exc, (sdk.core.RemoteProtocolError, sdk.core.ReadError))
        ):
            return None
        # Servers on asyncio close without an alert.
        perhaps = _PERHAPS_OWN if tls.shown else _PERHAPS
        hinted = error(f"{exc or 'disconnected'} ({place} closed a new connection, {perhaps})")
        hinted.__cause__ = exc
        return hinted
    text = f"{place}: {found.text}"
    cause = HandshakeError(
        text,
        reason=found.reason,
        presented=found.presented,
        wanted=found.wanted,
        service=service,
        endpoint=target.address,
    )
    cause.__cause__ = exc
    core = sdk.core
    met = core.ConnectError if isinstance(exc, core.ConnectError) else core.ReadError
    kind = sdk.refusals[met] if found.by_server else sdk.wire_errors[met]
    raised = kind(text)
    raised.__cause__ = cause
    return raised
