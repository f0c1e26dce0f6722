"""
The errors of meshlib, and what each of them carries.

```
MeshError
  × CallRejectedError (httpx.TransportError)      nothing was sent
    · NoEndpointError          .service
    · CircuitOpenError         .service .retry_after .cause
    · BulkheadFullError        .service .max_concurrency .queued
    · ThrottledError           .service .share
    · RouteDeniedError         .service .route .status .rule
    · CredentialsError         .service
  × DeadlineExceededError (httpx.TimeoutException) .attempts .elapsed
  × DiscoveryError             .service .source
  × ConfigurationError         .path .hint
  × StoreError                 .store
    · ConflictError            .store
  × CertificateError           .file .reason
  × HandshakeError (ssl.SSLError) .service .endpoint .reason .presented .wanted
```

A rejection is an `httpx.TransportError` and an exceeded deadline an
`httpx.TimeoutException`, because the code around a client catches those. A failure of
the wire is none of these: it reaches the caller as httpx raised it. A HandshakeError is
the cause of such a failure, when TLS was the reason.
"""

from __future__ import annotations

import ssl

import httpx

from ._public import public


@public
class MeshError(Exception):
    """Base of every error that meshlib itself raises."""


@public
class CallRejectedError(MeshError, httpx.TransportError):
    """
    The mesh refused a call; this call's rejection sent nothing.

    When an earlier attempt of the same call did fail, its error is `__cause__`.
    """

    def __init__(self, message: str, *, service: str = "") -> None:
        httpx.TransportError.__init__(self, message)
        self.service = service


@public
class NoEndpointError(CallRejectedError):
    """No endpoint is known for `service`; the message says where it was looked for."""


@public
class CircuitOpenError(CallRejectedError):
    """
    Every endpoint of `service` is held open by its breaker.

    `retry_after` is the seconds until the first of them admits a probe, and `cause` the
    last failure that opened it: a status code or an exception.
    """

    def __init__(
        self, message: str, *, service: str = "", retry_after: float = 0.0, cause: object = None
    ) -> None:
        super().__init__(message, service=service)
        self.retry_after = retry_after
        self.cause = cause


@public
class BulkheadFullError(CallRejectedError):
    """`max_concurrency` calls were in flight and this one could not be queued long enough."""

    def __init__(
        self, message: str, *, service: str = "", max_concurrency: int = 0, queued: int = 0
    ) -> None:
        super().__init__(message, service=service)
        self.max_concurrency = max_concurrency
        self.queued = queued


@public
class ThrottledError(CallRejectedError):
    """
    `service` accepts so few calls that a `share` of them, 0 to 1, is refused without being sent.

    See `throttle` of the service. It is never tried again; a fallback can answer.
    """

    def __init__(self, message: str, *, service: str = "", share: float = 0.0) -> None:
        super().__init__(message, service=service)
        self.share = share


@public
class RouteDeniedError(CallRejectedError):
    """
    The configuration denies this destination, or a route or rule denies this call.

    `route` is the name of the route, empty without one, and `rule` that of the rule of
    `outbound.authorization`. `status` is what a server that passes the refusal on should
    answer.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        route: str = "",
        status: int = 403,
        rule: str = "",
    ) -> None:
        super().__init__(message, service=service)
        self.route = route
        self.rule = rule
        self.status = status


@public
class CredentialsError(CallRejectedError):
    """The token that calls to `service` are made with could not be had; the message says why."""


@public
class DeadlineExceededError(MeshError, httpx.TimeoutException):
    """
    The deadline of a call passed before its outcome was known.

    `attempts` is how many had begun, `elapsed` the seconds since the call began.
    """

    def __init__(self, message: str, *, attempts: int = 0, elapsed: float = 0.0) -> None:
        httpx.TimeoutException.__init__(self, message)
        self.attempts = attempts
        self.elapsed = elapsed


@public
class DiscoveryError(MeshError):
    """A source could not say where `service` is."""

    def __init__(self, message: str, *, service: str = "", source: str = "") -> None:
        super().__init__(message)
        self.service = service
        self.source = source


@public
class ConfigurationError(MeshError, ValueError):
    """
    A document or option is invalid; nothing of it was applied.

    `path` is the place in the document, as `services.users.retry.max_attempts`; `hint`
    is the nearest valid thing, or an empty string.
    """

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        text = f"{path}: {message}" if path else message
        super().__init__(f"{text}; {hint}" if hint else text)
        self.path = path
        self.hint = hint


@public
class StoreError(MeshError):
    """
    `store`, which keeps a document or what processes share, did not do what it was asked.

    It is away, refuses, or says what cannot be understood. A change that failed with this
    may have been made all the same: read before it is tried again.
    """

    def __init__(self, message: str, *, store: str = "") -> None:
        super().__init__(f"{store}: {message}" if store else message)
        self.store = store


@public
class ConflictError(StoreError):
    """Somebody else has replaced what is in `store` meanwhile; read it, and decide again."""


@public
class CertificateError(MeshError):
    """
    Files of a certificate, its key or roots cannot be used; what is in force stays.

    `reason` is `unreadable`, `malformed`, `password`, `mismatch`, `expired` or
    `not_yet_valid`, and `file` what it is about, or empty. Nothing that was read is in it.
    """

    def __init__(self, message: str, *, file: str = "", reason: str = "") -> None:
        super().__init__(f"{file}: {message}" if file else message)
        self.message = message
        self.file = file
        self.reason = reason


@public
class HandshakeError(MeshError, ssl.SSLError):
    """
    One side of a TLS connection refused the other.

    Of the endpoint: `wrong_identity`, `expired`, `not_yet_valid`, `unknown_authority` or
    `untrusted`. Of this process, by the server: `client_certificate_missing`,
    `client_certificate_expired`, `client_certificate_unknown_authority`,
    `client_certificate_revoked` or `client_certificate_refused`. Else `failed`.
    `presented` is what was shown, as far as that is known, and `wanted` what was asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "failed",
        presented: str = "",
        wanted: str = "",
        service: str = "",
        endpoint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = self.strerror = message  # libraries show the latter
        self.reason: str = reason
        self.presented = presented
        self.wanted = wanted
        self.service = service
        self.endpoint = endpoint

    def __str__(self) -> str:
        return self.message  # that of ssl shows its arguments as a tuple
