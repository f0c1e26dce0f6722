"""A request that is served and the calls made for it: one trace."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from meshlib import MeshClient
from meshlib.inbound import Head
from meshlib.telemetry import ServerTracing, Tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CAME = [
    (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode()),
    (b"tracestate", b"a=b"),
    (b"b3", f"{TRACE}-{SPAN}-1".encode()),
    (b"baggage", b"user=7"),
    (b"cookie", b"secret"),
]


@pytest.fixture
def sent() -> list[httpx.Request]:
    """What was called."""
    return []


@pytest.fixture
def client(sent: list[httpx.Request]) -> MeshClient:
    """A client in a process that serves requests."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    return MeshClient(
        "shop",
        config={
            "services": {"users": {"endpoints": ["http://10.0.0.1:1"]}},
            "telemetry": {"propagation": ["tracecontext", "baggage", "b3"]},
        },
        transport=httpx.MockTransport(answer),
    )


def serve(client: MeshClient) -> None:
    """Serve a request for which one call is made."""
    arrival = client.mesh.inbound.arrive(Head("GET", "/", CAME))
    assert arrival.refusal is None
    with arrival.context():
        client.get("users", "/")
    arrival.finish(200)


def test_without_a_provider_the_headers_go_on(
    client: MeshClient, sent: list[httpx.Request]
) -> None:
    """As they came, and nothing else that the request said."""
    with client:
        serve(client)
        client.get("users", "/")
    served, other = (request.headers for request in sent)
    assert CAME[:4] == [(name, served[name.decode()].encode()) for name, _ in CAME[:4]]
    assert "cookie" not in served
    assert not {"traceparent", "tracestate", "b3", "baggage"} & {*other}


def test_with_a_provider_each_span_is_beneath_the_one_before(
    client: MeshClient,
    sent: list[httpx.Request],
    provider: TracerProvider,
    spans: Callable[[], list[ReadableSpan]],
) -> None:
    """The caller's, the server's, the call's, the attempt's, and what is sent on."""
    with client:
        making = client.mesh.making
        client.mesh.service("users").tracing = Tracing(provider, making.propagation)
        inbound = client.mesh.inbound
        tracing = ServerTracing(making.propagation, provider=provider)
        inbound.take(inbound.prepare(client.mesh.config.inbound, tracing))
        serve(client)
    attempt, call, server = spans()
    assert ["GET", "GET users", "GET"] == [attempt.name, call.name, server.name]
    for child, parent in ((attempt, call), (call, server)):
        assert child.parent is not None
        assert parent.context is not None
        assert parent.context.span_id == child.parent.span_id
    assert server.parent is not None
    assert SPAN == trace.format_span_id(server.parent.span_id)
    assert attempt.context is not None
    (headers,) = (request.headers for request in sent)
    span_id = trace.format_span_id(attempt.context.span_id)
    assert headers["traceparent"].startswith(f"00-{TRACE}-{span_id}-")
    assert headers["b3"].startswith(f"{TRACE}-{span_id}-1-")
    assert ("a=b", "user=7") == (headers["tracestate"], headers["baggage"])
