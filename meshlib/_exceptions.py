"""
The errors of meshlib, and what each of them carries.

```
MeshError
  × CallRejectedError (httpx.TransportError)      nothing was sent
    · NoEndpointError          .service
    · CircuitOpenError         .service .retry_after .cause
    · BulkheadFullError        .service .max_concurrency .queued
    · RouteDeniedError         .service .route .status
  × DeadlineExceededError (httpx.TimeoutException) .attempts .elapsed
  × DiscoveryError             .service .source
  × ConfigurationError         .path .hint
  × StoreError                 .store
    · ConflictError            .store
```

A rejection is an `httpx.TransportError` and an exceeded deadline an
`httpx.TimeoutException`, because the code around a client catches those. A failure of
the wire is none of these: it reaches the caller as httpx raised it.
"""

from __future__ import annotations

import httpx


class MeshError(Exception):
    """Base of every error that meshlib itself raises."""


class CallRejectedError(MeshError, httpx.TransportError):
    """
    The mesh refused a call; this call's rejection sent nothing.

    When an earlier attempt of the same call did fail, its error is `__cause__`.
    """

    def __init__(self, message: str, *, service: str = "") -> None:
        httpx.TransportError.__init__(self, message)
        self.service = service


class NoEndpointError(CallRejectedError):
    """No endpoint is known for `service`; the message says where it was looked for."""


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


class BulkheadFullError(CallRejectedError):
    """`max_concurrency` calls were in flight and this one could not be queued long enough."""

    def __init__(
        self, message: str, *, service: str = "", max_concurrency: int = 0, queued: int = 0
    ) -> None:
        super().__init__(message, service=service)
        self.max_concurrency = max_concurrency
        self.queued = queued


class RouteDeniedError(CallRejectedError):
    """
    The configuration denies this destination, or a route denies this call.

    `route` is the name of the route, empty without one. `status` is what a server that
    passes the refusal on should answer.
    """

    def __init__(
        self, message: str, *, service: str = "", route: str = "", status: int = 403
    ) -> None:
        super().__init__(message, service=service)
        self.route = route
        self.status = status


class DeadlineExceededError(MeshError, httpx.TimeoutException):
    """
    The deadline of a call passed before its outcome was known.

    `attempts` is how many had begun, `elapsed` the seconds since the call began.
    """

    def __init__(self, message: str, *, attempts: int = 0, elapsed: float = 0.0) -> None:
        httpx.TimeoutException.__init__(self, message)
        self.attempts = attempts
        self.elapsed = elapsed


class DiscoveryError(MeshError):
    """A source could not say where `service` is."""

    def __init__(self, message: str, *, service: str = "", source: str = "") -> None:
        super().__init__(message)
        self.service = service
        self.source = source


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


class StoreError(MeshError):
    """
    `store`, which keeps a document or what processes share, did not do what it was asked.

    It is away, refuses, or says what cannot be understood. A change that failed with this
    may have been made all the same: read before it is tried again.
    """

    def __init__(self, message: str, *, store: str = "") -> None:
        super().__init__(f"{store}: {message}" if store else message)
        self.store = store


class ConflictError(StoreError):
    """Somebody else has replaced what is in `store` meanwhile; read it, and decide again."""
