"""What a user may set about active checks of endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .._options import Duration, Options, PositiveDuration, Ratio

_KINDS = ("http", "tcp", "tls", "grpc", "command", "call")

_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"connection", "content-length", "host", "te", "transfer-encoding"})


def _statuses(value: Any) -> Any:
    """Turn `200`, `"2xx"` and `"200-299"`, or a list of those, into ranges."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(item if isinstance(item, tuple) else _range(item) for item in items)


def _range(item: Any) -> tuple[int, int]:
    found = None if isinstance(item, bool) else _STATUS.fullmatch(str(item).strip().lower())
    if found is None:
        raise ValueError(f"{item!r} is no status; write 200, '2xx' or '200-299'")
    if found[1]:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    first, last = int(found[2]), int(found[3] or found[2])
    if last < first:
        raise ValueError(f"{item!r} ends before it begins")
    return first, last


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"{name!r} cannot be set here")
        if not text.isascii() or not (text + "x").isprintable():
            raise ValueError(f"the value of {name!r} cannot be sent as a header")
    return value


class TrustOptions(Options):
    """
    How a check speaks TLS.

    Files are read again when they have changed, so certificates may be rotated.
    """

    ca: str | None = None
    """File of the authorities to trust; null: those of the system."""
    cert: str | None = None
    """File of the certificate that is shown to the endpoint."""
    key: str | None = None
    """File of its key, unless that is in the same file."""
    verify: bool = True
    """False takes any certificate. Envoy's and HAProxy's default; Kubernetes never verifies."""
    server_name: str | None = None
    """The name that is asked for and must be in the certificate; null: the endpoint's host."""

    @model_validator(mode="after")
    def _key_has_certificate(self) -> TrustOptions:
        if self.key is not None and self.cert is None:
            raise ValueError("a key needs its certificate; give cert")
        return self


class BodyOptions(Options):
    """What must be in the body of an answer: a text, members of an object of JSON, or both."""

    contains: str | None = None
    json_: Annotated[Any, Field(alias="json")] = None
    """Members that must be there with these values; others may be there too."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"contains": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _something(self) -> BodyOptions:
        if self.contains is None and "json_" not in self.model_fields_set:
            raise ValueError("give contains or json")
        return self


class HttpCheckOptions(Options):
    """A request whose answer has the right status, and body if one is asked for."""

    path: Annotated[str, Field(pattern=r"^/[!-~]*$")]
    """With its query; what the endpoint's URL has of a path stands before it."""
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] = "GET"
    status: Annotated[
        tuple[tuple[int, int], ...], BeforeValidator(_statuses), Field(min_length=1)
    ] = ((200, 299),)
    """
    Statuses that pass: `200`, `"2xx"`, `"200-299"`, or a list of those. Envoy's default is
    200 alone, HAProxy's and Kubernetes' is 2xx and 3xx; redirects are never followed, and
    one that passes proves nothing, so here it is 2xx.
    """
    body: BodyOptions | None = None
    """A text that the body contains, or `{json: ...}`; null looks at none. 64 KiB are read."""
    headers: dict[str, str] = {}
    host: Annotated[str, Field(pattern=r"^[!-.0-~]+$")] | None = None
    """The Host header and TLS name; null: the endpoint's own, as for calls."""
    scheme: Literal["http", "https"] | None = None
    """Null: the endpoint's."""
    tls: TrustOptions = TrustOptions()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    _checked_headers = field_validator("headers")(_headers)

    @model_validator(mode="after")
    def _has_a_body(self) -> HttpCheckOptions:
        if self.method == "HEAD" and self.body is not None:
            raise ValueError("an answer to HEAD has no body")
        return self


class TcpCheckOptions(Options):
    """
    A connection that is accepted; then *send* is written, and *receive* waited for.

    Both are texts, or bytes. What is received may come after and before something else.
    """

    send: bytes = b""
    receive: bytes = b""


class TlsCheckOptions(TrustOptions):
    """A TLS handshake with a certificate that is trusted, valid, and for the endpoint."""

    names: tuple[str, ...] = ()
    """Further names that the certificate must be for."""
    min_validity: Duration = 0.0
    """Seconds for which the certificate must still be valid; `336h` is two weeks."""

    @model_validator(mode="after")
    def _looks(self) -> TlsCheckOptions:
        if not self.verify and (self.names or self.min_validity):
            raise ValueError("without verify nothing is known of the certificate")
        return self


class GrpcCheckOptions(Options):
    """`grpc.health.v1.Health/Check` says SERVING; needs the extra `http2`."""

    service: str = ""
    """The name that is asked about; empty is the server as a whole, by the protocol."""
    authority: Annotated[str, Field(pattern=r"^[!-.0-~]+$")] | None = None
    """The authority and TLS name; null: the endpoint's own."""
    metadata: dict[str, str] = {}
    scheme: Literal["http", "https"] | None = None
    """`http` is HTTP/2 without TLS; null: the endpoint's."""
    tls: TrustOptions = TrustOptions()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"service": value} if isinstance(value, str) else value

    @field_validator("metadata")
    @classmethod
    def _lower_case(cls, value: dict[str, str]) -> dict[str, str]:
        # HTTP/2 knows no capitals, and names that begin with grpc- are gRPC's own.
        checked = {name.lower(): text for name, text in _headers(value).items()}
        if any(name.startswith("grpc-") or name == "content-type" for name in checked):
            raise ValueError("metadata may not replace what gRPC itself sends")
        return checked


def _switched(value: Any) -> Any:
    """True is a kind of check with its defaults."""
    return {} if value is True else value


class HealthCheckOptions(Options):
    """
    How the endpoints of a service are checked: exactly one kind of check, and when.

    A check passes or fails; in a row so many decide. The first one decides at once, as in
    Envoy.
    """

    http: HttpCheckOptions | None = None
    tcp: Annotated[TcpCheckOptions | None, BeforeValidator(_switched)] = None
    tls: Annotated[TlsCheckOptions | None, BeforeValidator(_switched)] = None
    grpc: Annotated[GrpcCheckOptions | None, BeforeValidator(_switched)] = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """
    A program and its arguments, without a shell; passes when it ends with 0. It finds the
    endpoint in MESHLIB_ENDPOINT_URL, MESHLIB_ENDPOINT_HOST and MESHLIB_ENDPOINT_PORT.
    """
    call: Callable[..., Any] | None = None
    """
    A function, async or not, that takes the Endpoint. It fails when it raises, or returns
    something false other than None. One that is not async runs in a thread.
    """
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Null: the endpoint's own."""
    interval: PositiveDuration = 5.0
    """Seconds from one check to the next. Envoy has no default; HAProxy 2 s, Kubernetes 10 s."""
    timeout: PositiveDuration = 1.0
    """Seconds for a whole check, connecting included; Kubernetes' default. Envoy has none."""
    unhealthy_threshold: Annotated[int, Field(ge=1)] = 3
    """Failures in a row that make a healthy endpoint unhealthy; HAProxy's and Kubernetes' 3."""
    healthy_threshold: Annotated[int, Field(ge=1)] = 1
    """Passes in a row that make an unhealthy endpoint healthy; Kubernetes' 1, HAProxy's is 2."""
    initial_delay: Duration = 0.0
    """Seconds from when an endpoint is known to its first check; Kubernetes' 0."""
    jitter: Ratio = 0.1
    """Share of a wait that may be added, so that clients do not check together. Envoy's is 0."""
    edge_interval: PositiveDuration | None = None
    """
    Seconds between the checks that count towards a change; null: the interval. Envoy's
    `unhealthy_edge_interval` and `healthy_edge_interval`, HAProxy's `fastinter`.
    """
    unhealthy_interval: PositiveDuration | None = None
    """Seconds between checks of an unhealthy endpoint; null: the interval, as in Envoy."""
    quiet_after: Duration = 60.0
    """Seconds unhealthy after which each wait is twice the one before; a restart takes less."""
    max_interval: PositiveDuration = 60.0
    """Seconds up to which these waits grow; what Envoy waits where there is no traffic."""
    assume: Literal["healthy", "unhealthy"] = "healthy"
    """
    What an endpoint is before its first check. Envoy takes it for unhealthy, and holds its
    traffic back until the first round of checks is over. A client is used as soon as it is
    made, and breaker and retries guard it from an endpoint that is down, so here it is
    healthy.
    """
    reuse_connections: bool = True
    """Whether http and grpc checks keep their connection, as in Envoy: up to 500 of them."""
    max_concurrency: Annotated[int, Field(ge=1)] = 100
    """Checks in flight at once; first checks of more endpoints are spread over an interval."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"http": value} if isinstance(value, str) else value

    @field_validator("command", mode="before")
    @classmethod
    def _program(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> HealthCheckOptions:
        chosen = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(chosen) != 1:
            said = " and ".join(chosen) or "none"
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}, not {said}")
        return self
