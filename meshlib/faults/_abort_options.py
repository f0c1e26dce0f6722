"""What a user may answer in the place of an endpoint."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from .._options import Duration, Options
from ._share_options import Percentage, renamed

ErrorName = Literal[
    "refused",
    "unreachable",
    "reset",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "pool_timeout",
    "dns",
    "disconnected",
    "broken_pipe",
    "protocol_error",
    "tls_expired",
    "tls_hostname",
    "tls_unknown_ca",
]
"""What a wire may raise."""

ERROR_NAMES: tuple[str, ...] = get_args(ErrorName)
"""Every error that a fault may be, by its name."""

IN_A_BODY = ("reset", "read_timeout", "disconnected")
"""The errors that a body may end with."""

Status = Annotated[int, Field(ge=200, le=599)]


def _blackhole(value: Any) -> Any:
    if isinstance(value, bool):
        return "read" if value else None
    return value


class AbortFault(Options):
    """
    Answer instead of the endpoint: exactly one of *status*, *error*, *blackhole* and *header*.

    Istio's `httpStatus` and Envoy's `http_status` are *status*.
    """

    percentage: Percentage = 100.0
    status: Status | None = None
    """A response with this status; with *headers*, *retry_after* and *body*."""
    error: ErrorName | None = None
    """The error that a wire raises."""
    blackhole: Annotated[Literal["connect", "read"] | None, BeforeValidator(_blackhole)] = None
    """
    Never an answer: `read`, or true, takes the request and is silent until the caller's
    limit; `connect` takes no connection, until the limit of that.
    """
    header: bool = False
    """
    As the request asks: `x-envoy-fault-abort-request` is the status, and its
    `-percentage` counts where that is lower.
    """
    headers: dict[str, str] = {}
    retry_after: Duration | None = None
    """Seconds, for the header of that name."""
    body: str = ""
    after: Annotated[int, Field(ge=0)] | None = None
    """
    Bytes of the endpoint's own response body that come before the *error*: `reset`,
    `read_timeout` or `disconnected`.
    """

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, value: Any) -> Any:
        return renamed(value, {"httpStatus": "status", "http_status": "status"})

    @model_validator(mode="after")
    def _one(self) -> AbortFault:
        given = (self.status is not None, self.error is not None, self.blackhole is not None)
        if sum(given) + self.header != 1:
            raise ValueError("give one of status, error, blackhole and header")
        if self.status is None and not self.header:
            for name in ("headers", "retry_after", "body"):
                if getattr(self, name) not in (None, "", {}):
                    raise ValueError(f"{name} goes with status")
        if self.after is not None and self.error not in IN_A_BODY:
            raise ValueError(f"after goes with the errors {', '.join(IN_A_BODY)}")
        return self
