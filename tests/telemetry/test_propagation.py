"""Trace headers: what is read, what is written, and that nothing malformed does harm."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from meshlib import ConfigurationError, Mesh, MeshClient
from meshlib.telemetry import Propagation, Tracing, passed_on, received_context
from meshlib.telemetry import _propagation as module

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OTHER = "80f198ee56343ba864fe8b2a57d3eff7"
ALL = ("tracecontext", "baggage", "b3", "b3multi")

Headers = list[tuple[bytes, bytes]]


def pairs(**headers: str) -> Headers:
    """Headers whose names are written with underscores."""
    return [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]


def read(headers: Headers, *formats: str) -> tuple[str, str, bool]:
    """The trace, the span and whether it is sampled, as *formats* see it."""
    context = Propagation(formats or ALL).extract(headers)
    found = trace.get_current_span(context).get_span_context()
    if not found.is_valid:
        return "", "", False
    assert found.is_remote
    ids = trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)
    return *ids, bool(found.trace_flags.sampled)


@pytest.mark.parametrize(
    ("headers", "sampled"),
    [
        (pairs(traceparent=f"00-{TRACE}-{SPAN}-01"), True),
        (pairs(traceparent=f"00-{TRACE}-{SPAN}-00"), False),
        (pairs(b3=f"{TRACE}-{SPAN}-1"), True),
        (pairs(b3=f"{TRACE}-{SPAN}-d"), True),
        (pairs(b3=f"{TRACE}-{SPAN}-0"), False),
        (pairs(b3=f"{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"), True),
        (pairs(b3=f"{TRACE}-{SPAN}"), True),
        (pairs(x_b3_traceid=TRACE, x_b3_spanid=SPAN, x_b3_sampled="1"), True),
        (pairs(x_b3_traceid=TRACE, x_b3_spanid=SPAN, x_b3_sampled="0"), False),
        (pairs(x_b3_traceid=TRACE, x_b3_spanid=SPAN, x_b3_flags="1"), True),
        (pairs(x_b3_traceid=TRACE, x_b3_spanid=SPAN), True),
    ],
)
def test_every_format_is_read(headers: Headers, sampled: bool) -> None:
    """W3C's and both of B3's; a decision that B3 leaves to others is a yes in either form."""
    assert (TRACE, SPAN, sampled) == read(headers)


def test_a_short_trace_id_is_filled_up() -> None:
    """B3 has ids of 64 bits, too."""
    assert (SPAN.rjust(32, "0"), SPAN, True) == read(pairs(b3=f"{SPAN}-{SPAN}-1"))


@pytest.mark.parametrize(
    "headers",
    [
        pairs(b3=f"{'0' * 32}-{'0' * 16}-1"),
        pairs(x_b3_traceid="0" * 32, x_b3_spanid="0" * 16),
        pairs(b3="0"),
        pairs(b3=""),
        pairs(b3="-".join(["1"] * 9)),
        pairs(x_b3_traceid=TRACE),
        pairs(x_b3_traceid=TRACE + "0", x_b3_spanid=SPAN),
        pairs(x_b3_traceid="\xb2" * 32, x_b3_spanid=SPAN),
        pairs(x_b3_sampled="1"),
    ],
)
def test_bad_b3_does_not_hide_a_good_trace(headers: Headers) -> None:
    """It is ignored, whichever format comes first."""
    assert ("", "", False) == read(headers)
    both = headers + pairs(traceparent=f"00-{TRACE}-{SPAN}-01")
    for formats in (ALL, ("b3multi", "tracecontext"), ("tracecontext", "b3")):
        assert (TRACE, SPAN, True) == read(both, *formats)


def test_a_bad_single_header_does_not_hide_several_good_ones() -> None:
    """OpenTelemetry's own propagator would give up there."""
    assert (TRACE, SPAN, True) == read(pairs(b3="x", x_b3_traceid=TRACE, x_b3_spanid=SPAN), "b3")


def test_the_first_format_that_holds_a_trace_counts() -> None:
    """When a request comes with two that differ, the list decides."""
    headers = pairs(traceparent=f"00-{TRACE}-{SPAN}-01", b3=f"{OTHER}-{SPAN}-1")
    assert TRACE == read(headers, "tracecontext", "b3")[0]
    assert OTHER == read(headers, "b3", "tracecontext")[0]
    assert "" == read(headers, "baggage")[0]


def test_a_header_that_must_not_come_twice_counts_as_none() -> None:
    """Of two traces nobody knows which is meant; lists are put together."""
    headers = pairs(traceparent=f"00-{TRACE}-{SPAN}-01") * 2
    assert "" == read(headers)[0]
    context = received_context(pairs(baggage="a=1") + pairs(baggage="b=2"))
    assert {"a": "1", "b": "2"} == dict(baggage.get_all(context))


def test_baggage_is_read_where_it_is_named() -> None:
    """And left alone where it is not."""
    assert "1" == baggage.get_baggage("a", Propagation(ALL).extract(pairs(baggage="a=1")))
    assert {} == dict(baggage.get_all(Propagation(["b3"]).extract(pairs(baggage="a=1"))))


NAMES = sorted(module._KNOWN)
VALUES = st.one_of(
    st.binary(max_size=200),
    st.from_regex(rb"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z"),
    st.from_regex(rb"\A[0-9a-fA-F]{16,32}-[0-9a-f]{16}(-[01d])?\Z"),
    st.from_regex(rb"\A([a-z]+=[%0-9a-f;, ]*,?){1,9}\Z"),
)


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8))
def test_whatever_is_sent_nothing_is_raised(headers: Headers) -> None:
    """What is found is a valid trace or none; what is passed on is what came."""
    for formats in (None, ALL, ("b3",), ("b3multi",)):
        context = Propagation(formats).extract(headers)
        found = trace.get_current_span(context).get_span_context()
        assert found.is_valid or found == trace.INVALID_SPAN_CONTEXT
    assert passed_on(headers) == tuple(headers)


def test_what_a_propagator_raises_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A request is served all the same, outside of any trace."""
    propagation = Propagation(["tracecontext"])

    class Broken:
        def extract(self, carrier: Any, context: Any) -> Any:
            raise RuntimeError("broken")

    propagation._formats = [Broken()]
    for _ in range(2):
        assert Context() == propagation.extract(pairs(traceparent="x"))
    assert 1 == len(caplog.records)


def test_by_default_the_configured_propagator_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own headers are read, too; a broken one reads those that everybody knows."""

    class Own:
        fields = {"X-Own"}

        def extract(self, carrier: Any, context: Any, getter: Any = None) -> Any:
            return baggage.set_baggage("own", carrier.get("x-own", ""), context)

    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", Own())
    assert "1" == baggage.get_baggage("own", received_context([(b"x-own", b"1")]))
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", object())
    assert b"b3" in Propagation().names


def test_only_trace_headers_are_passed_on() -> None:
    """As they came."""
    headers = [*pairs(b3="anything", cookie="c", tracestate="a=b"), (b"authorization", b"x")]
    assert pairs(b3="anything", tracestate="a=b") == list(passed_on(headers))


def sent(
    provider: TracerProvider, *formats: str, context: Context | None = None
) -> tuple[dict[str, str], Any]:
    """The headers that carry a span with a parent, and the span."""
    tracer = provider.get_tracer("test")
    parent = tracer.start_span("parent", context=context)
    span = tracer.start_span("child", context=trace.set_span_in_context(parent, context))
    headers: Headers = []
    Propagation(formats).inject(headers, trace.set_span_in_context(span, context))
    return {name.decode(): value.decode() for name, value in headers}, span


def test_every_format_is_written(provider: TracerProvider) -> None:
    """Of one span; B3 has the id of its parent as well."""
    headers, span = sent(provider, *ALL, context=baggage.set_baggage("a", "1"))
    trace_id = trace.format_trace_id(span.context.trace_id)
    span_id = trace.format_span_id(span.context.span_id)
    parent = trace.format_span_id(span.parent.span_id)
    assert {
        "traceparent": f"00-{trace_id}-{span_id}-{span.context.trace_flags:02x}",
        "baggage": "a=1",
        "b3": f"{trace_id}-{span_id}-1-{parent}",
        "x-b3-traceid": trace_id,
        "x-b3-spanid": span_id,
        "x-b3-parentspanid": parent,
        "x-b3-sampled": "1",
    } == headers


def test_the_wish_to_debug_goes_on(provider: TracerProvider) -> None:
    """Which implies that the trace is sampled."""
    for came in (
        pairs(b3=f"{TRACE}-{SPAN}-d"),
        pairs(x_b3_traceid=TRACE, x_b3_spanid=SPAN, x_b3_flags="1"),
    ):
        context = Propagation(ALL).extract(came)
        headers, _ = sent(provider, "b3", "b3multi", context=context)
        assert "d" == headers["b3"].split("-")[2]
        assert ("1", False) == (headers["x-b3-flags"], "x-b3-sampled" in headers)


def test_no_span_is_written_as_nothing() -> None:
    """And one that came from elsewhere without its parent."""
    headers: Headers = []
    Propagation(["b3", "b3multi"]).inject(headers, Context())
    assert [] == headers
    context = Propagation(ALL).extract(pairs(b3=f"{TRACE}-{SPAN}-0"))
    Propagation(["b3", "b3multi"]).inject(headers, context)
    assert (
        pairs(b3=f"{TRACE}-{SPAN}-0", x_b3_traceid=TRACE, x_b3_spanid=SPAN, x_b3_sampled="0")
        == headers
    )


def test_attempts_send_what_the_document_names(
    provider: TracerProvider, spans: Callable[[], list[ReadableSpan]]
) -> None:
    """Beside the request id; a document that is applied later counts from then on."""
    got: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request.headers)
        return httpx.Response(200)

    services = {"users": {"endpoints": ["http://10.0.0.1:1"]}}
    config = {"telemetry": {"propagation": ["b3multi"]}, "services": services}
    with MeshClient("shop", config=config, transport=httpx.MockTransport(answer)) as client:
        for formats in (["b3multi"], ["tracecontext", "b3"]):
            client.mesh.patch({"telemetry": {"propagation": formats}})
            service = client.mesh.service("users")
            service.tracing = Tracing(provider, client.mesh.making.propagation)
            client.get("users", "/")
    several, single = got
    assert {"x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-request-id"} <= {
        *several
    }
    assert not {"b3", "traceparent"} & {*several}
    assert {"b3", "traceparent"} <= {*single}
    attempt = spans()[0]
    assert attempt.context is not None
    assert several["x-b3-spanid"] == trace.format_span_id(attempt.context.span_id)


def test_b3_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the propagator is not installed, the document is refused and the old one stays."""
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("opentelemetry.propagators.b3"):
            raise ImportError(name)
        return real(name, *arguments)

    with Mesh("shop") as mesh:
        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(ConfigurationError, match=r"meshlib-client\[b3\]") as info:
            mesh.patch({"telemetry": {"propagation": ["b3"]}})
        assert "telemetry.propagation" == info.value.path
        assert mesh.config.telemetry.propagation is None


@pytest.mark.parametrize("formats", [["b3", "b3"], ["jaeger"]])
def test_formats_are_known_and_named_once(formats: list[str]) -> None:
    """The error says where."""
    with pytest.raises(ConfigurationError, match="telemetry"):
        Mesh("shop", config={"telemetry": {"propagation": formats}})


def test_zeros_of_the_configured_propagators_are_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `OTEL_PROPAGATORS` names."""
    from opentelemetry.propagators.b3 import B3MultiFormat

    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([B3MultiFormat()]))
    context = received_context(pairs(x_b3_traceid="0" * 32, x_b3_spanid="0" * 16))
    assert not trace.get_current_span(context).get_span_context().is_valid


MEMBERS = st.lists(
    st.one_of(
        st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=12),
        st.from_regex(r"[a-z]{1,3} ?= ?[a-z%0-9]{0,3}(;[a-z]=?[a-z]?)?", fullmatch=True),
        st.just("k=" + "v" * 5000),
    ),
    max_size=6,
)


@given(members=MEMBERS, times=st.sampled_from([1, 60]))
def test_what_strangers_write_as_baggage_is_not_logged(members: list[str], times: int) -> None:
    """Of malformed members nothing is read, and nothing is said."""
    said: list[str] = []
    logger = logging.getLogger("opentelemetry.baggage.propagation")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]  # a handler of its own
    logger.addHandler(handler)
    try:
        Propagation(ALL).extract([(b"baggage", ",".join(members * times).encode("latin-1"))])
    finally:
        logger.removeHandler(handler)
    assert [] == said


def test_good_members_of_baggage_are_read_beside_bad_ones() -> None:
    """Spaces and properties are fine; the member without a value's sign is not."""
    found = Propagation(ALL).extract(pairs(baggage="a=1 , ,oops, b = 2;p;q=3,c=\x01,d=%20x"))
    assert {"a": "1", "b": "2;p;q=3", "d": "x"} == dict(baggage.get_all(found))
    assert {} == dict(baggage.get_all(Propagation(ALL).extract(pairs(baggage="a=1," * 3000))))
