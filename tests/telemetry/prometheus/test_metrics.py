"""Metrics for Prometheus, of one process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from meshlib import Endpoint, MeshClient
from meshlib.events import (
    AttemptFinished,
    CallRejected,
    CanaryChanged,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    FallbackUsed,
    HedgeStarted,
    MirrorFinished,
    RetryRefused,
)
from meshlib.telemetry import Tracing
from meshlib.telemetry._observed import OBSERVED
from meshlib.telemetry._recording import COUNTERS, HISTOGRAMS, Recording
from meshlib.telemetry.prometheus import PrometheusMetrics
from meshlib.telemetry.prometheus._names import RECORDED, label_names, metric_name
from support.real.prometheus import promtool

ONE, TWO = "http://10.0.0.1:1", "http://10.0.0.1:2"
Labels = dict[str, str]


def answer(request: httpx.Request) -> httpx.Response:
    """Port 1 fails, any other succeeds."""
    return httpx.Response(503 if request.url.port == 1 else 200)


@pytest.fixture
def client() -> Iterator[MeshClient]:
    """A client of `users`, whose first endpoint is given up at its first failure."""
    service = {
        "endpoints": [ONE, TWO],
        "balancer": "round_robin",
        "breaker": {"consecutive_failures": 1},
        "retry": {"backoff": {"initial": 0}},
    }
    transport = httpx.MockTransport(answer)
    with MeshClient("shop", services={"users": service}, transport=transport) as made:
        yield made


@pytest.fixture
def registry() -> CollectorRegistry:
    """One that belongs to the test."""
    return CollectorRegistry()


def samples(registry: CollectorRegistry) -> dict[str, list[tuple[Labels, float]]]:
    """Every sample as Prometheus would read it, by its name."""
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def test_calls_attempts_and_states_are_exposed(
    client: MeshClient, registry: CollectorRegistry
) -> None:
    """Rate, errors and duration of the edge from this application to a service."""
    PrometheusMetrics(client, registry=registry)
    for _ in range(2):
        assert 200 == client.get("users", "/").status_code
    seen = samples(registry)
    edge = {"mesh": "shop", "service": "users"}
    call = {"route": "", "destination": "", "tenant": "", "method": "GET", "status": "200"}
    assert [(edge | call | {"error": ""}, 2.0)] == seen["meshlib_call_duration_seconds_count"]
    attempts = {
        labels["status"]: value
        for labels, value in seen["meshlib_http_client_request_duration_seconds_count"]
    }
    assert {"200": 2.0, "503": 1.0} == attempts
    assert (edge | {"endpoint": ONE, "outcome": "unavailable"}, 1.0) in seen[
        "meshlib_attempts_total"
    ]
    assert [(edge | {"outcome": "unavailable"}, 1.0)] == seen["meshlib_retries_total"]
    breakers = {labels["state"]: value for labels, value in seen["meshlib_breakers"]}
    assert {"closed": 1.0, "open": 1.0, "half_open": 0.0, "isolated": 0.0} == breakers
    assert [(edge, 0.0)] == seen["meshlib_in_flight"]
    (transition,) = seen["meshlib_breaker_transitions_total"]
    assert ("closed", "open", "false") == tuple(transition[0][n] for n in ("from", "to", "shadow"))


def test_promtool_finds_nothing_to_complain_of(
    client: MeshClient, registry: CollectorRegistry
) -> None:
    """Names, units, types and help are as Prometheus wants them."""
    PrometheusMetrics(client, registry=registry)
    client.get("users", "/")
    assert "" == promtool("check", "metrics", stdin=generate_latest(registry))


def test_several_meshes_have_one_set_of_metrics(
    client: MeshClient, registry: CollectorRegistry
) -> None:
    """Each with its name; one that is taken away is not told of any more."""
    metrics = PrometheusMetrics(registry=registry)
    metrics.add(client)
    with MeshClient(
        "till", services={"users": [TWO]}, transport=httpx.MockTransport(answer)
    ) as till:
        stop = metrics.add(till.mesh)
        till.get("users", "/")
        seen = samples(registry)
        assert {"shop", "till"} == {labels["mesh"] for labels, _ in seen["meshlib_in_flight"]}
        stop()
        till.get("users", "/")
        seen = samples(registry)
        assert ["shop"] == [labels["mesh"] for labels, _ in seen["meshlib_in_flight"]]
        (call,) = seen["meshlib_call_duration_seconds_count"]
        assert ("till", 1.0) == (call[0]["mesh"], call[1])


def test_configurations_are_counted_from_zero(
    client: MeshClient, registry: CollectorRegistry
) -> None:
    """So that an alert sees the first that is refused as a rise."""
    PrometheusMetrics(client, registry=registry)
    seen = samples(registry)["meshlib_configurations_total"]
    assert {"applied": 0.0, "rejected": 0.0} == {labels["result"]: value for labels, value in seen}


def test_there_are_never_too_many_series(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that come too late are told together, and that is said once."""
    metrics = PrometheusMetrics(registry=registry, max_series=2)
    record = Recording(metrics._meter, "shop")
    caplog.set_level(logging.WARNING, logger="meshlib")
    for number in range(5):
        record(DiscoveryFailed(service=f"s{number}", source="dns", error=OSError(), age=None))
    seen = samples(registry)["meshlib_discovery_failures_total"]
    assert {("shop", "s0"): 1, ("shop", "s1"): 1, ("_other", "_other"): 3} == {
        (labels["mesh"], labels["service"]): value for labels, value in seen
    }
    assert 1 == len(caplog.records)


def test_buckets_are_those_that_were_asked_for(registry: CollectorRegistry) -> None:
    """In seconds, with one for everything."""
    metrics = PrometheusMetrics(registry=registry, buckets=(0.1, 1.0))
    record = Recording(metrics._meter, "shop")
    record(attempt(elapsed=0.5))
    seen = samples(registry)["meshlib_http_client_request_duration_seconds_bucket"]
    assert {"0.1": 0.0, "1.0": 1.0, "+Inf": 1.0} == {labels["le"]: v for labels, v in seen}


def attempt(**changed: Any) -> AttemptFinished:
    """An attempt that went well."""
    about = {
        "service": "users",
        "endpoint": Endpoint(ONE),
        "number": 1,
        "outcome": "success",
        "status": 200,
        "error": None,
        "elapsed": 0.1,
        "fault": None,
        "method": "GET",
    }
    return AttemptFinished(**{**about, **changed})


def test_buckets_lead_to_the_trace_of_a_call(
    client: MeshClient, registry: CollectorRegistry, provider: TracerProvider
) -> None:
    """Of its own spans, though none of them is ever the current one."""
    PrometheusMetrics(client, registry=registry)
    client.mesh.service("users").tracing = Tracing(provider)
    spans: list[Any] = []
    client.mesh.listen(lambda event: spans.append(getattr(event, "span", None)))
    client.get("users", "/")
    trace_id = trace.format_trace_id(next(filter(None, spans)).get_span_context().trace_id)
    text = openmetrics(registry).decode()
    for name in ("call", "http_client_request"):
        lines = [
            line
            for line in text.splitlines()
            if line.startswith(f"meshlib_{name}_duration_seconds_bucket") and "trace_id" in line
        ]
        assert lines
        assert all(f'trace_id="{trace_id}"' in line for line in lines)


@pytest.mark.parametrize("exemplars", [True, False])
def test_only_what_somebody_keeps_is_an_example(
    registry: CollectorRegistry, provider: TracerProvider, exemplars: bool
) -> None:
    """A trace that is not sampled leads nowhere, and examples can be switched off."""
    metrics = PrometheusMetrics(registry=registry, exemplars=exemplars)
    record = Recording(metrics._meter, "shop")
    quiet = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    record(attempt(span=quiet.get_tracer("test").start_span("quiet")))
    assert "trace_id" not in openmetrics(registry).decode()
    span = provider.get_tracer("test").start_span("current")
    token = contexts.attach(trace.set_span_in_context(span))
    try:
        record(attempt())  # of the span that is current, as of a request that is served
    finally:
        contexts.detach(token)
    assert exemplars == ("trace_id" in openmetrics(registry).decode())


EVENTS: dict[str, Any] = {
    "meshlib_hedges_total": HedgeStarted(service="users", number=2),
    "meshlib_retries_refused_total": RetryRefused(
        service="users", number=1, outcome="unavailable", reason="budget"
    ),
    "meshlib_rejections_total": CallRejected(service="users", error=ValueError()),
    "meshlib_ejections_total": EndpointEjected(
        service="users", endpoint=Endpoint(ONE), reason="5xx", duration=30.0
    ),
    "meshlib_fallbacks_total": FallbackUsed(service="users", kind="value", error=None),
    "meshlib_discovery_failures_total": DiscoveryFailed(
        service="users", source="dns", error=OSError(), age=None
    ),
    "meshlib_canary_changes_total": CanaryChanged(
        service="users", route="new", revision="2", old="waiting", new="progressing",
        weight=0.1, reason="", store="process",
    ),
    "meshlib_mirror_duration_seconds_count": MirrorFinished(
        service="users", route="all", mirror="next", endpoint=Endpoint(ONE), method="GET",
        status=200, error=None, elapsed=0.1,
    ),
    "meshlib_configurations_total": ConfigurationApplied(changed=()),
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_every_kind_of_event_is_recorded(name: str, registry: CollectorRegistry) -> None:
    """By one metric, whose labels the event fills."""
    record = Recording(PrometheusMetrics(registry=registry)._meter, "shop")
    record(EVENTS[name])
    record(ConfigurationRejected(error=ValueError()))
    (labels, value), *_ = (one for one in samples(registry)[name] if one[1])
    assert (1.0, "shop") == (value, labels["mesh"])
    if name != "meshlib_configurations_total":
        assert "users" == labels["service"]


def test_every_instrument_has_a_metric() -> None:
    """With labels of its own, and names that say their unit once."""
    assert {*HISTOGRAMS, *COUNTERS} == {*RECORDED}
    names = [metric_name(one.name, one.unit) for one in OBSERVED]
    names += [metric_name(name, "s") for name in HISTOGRAMS]
    names += [metric_name(name, unit) for name, (unit, _) in COUNTERS.items()]
    assert len(names) == len(set(names))
    assert all(name.startswith("meshlib_") and "." not in name for name in names)
    for attributes in [*RECORDED.values(), *(one.attributes for one in OBSERVED)]:
        labels = label_names(attributes)
        assert len(labels) == len(set(labels))


def test_the_asgi_application_answers(client: MeshClient, registry: CollectorRegistry) -> None:
    """In the format that is asked for."""
    app = PrometheusMetrics(client, registry=registry).asgi_app()

    async def ask(accept: str) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as asked:
            return await asked.get("/metrics", headers={"accept": accept})

    plain, open_ = anyio.run(ask, "text/plain"), anyio.run(ask, "application/openmetrics-text")
    assert plain.headers["content-type"].startswith("text/plain")
    assert open_.headers["content-type"].startswith("application/openmetrics-text")
    assert "meshlib_in_flight{" in plain.text
    assert open_.text.endswith("# EOF\n")


def test_the_wsgi_application_and_a_port_of_its_own_answer(
    client: MeshClient, registry: CollectorRegistry
) -> None:
    """The same, for servers of the other kind and for none at all."""
    metrics = PrometheusMetrics(client, registry=registry)
    with httpx.Client(
        transport=httpx.WSGITransport(metrics.wsgi_app()), base_url="http://test"
    ) as asked:
        assert "meshlib_in_flight{" in asked.get("/metrics").text
    from support.real import free_port

    port = free_port()
    stop = metrics.serve(port)
    with httpx.Client(trust_env=False) as asked:
        assert "meshlib_in_flight{" in asked.get(f"http://127.0.0.1:{port}/metrics").text
        stop()
        with pytest.raises(httpx.ConnectError):
            asked.get(f"http://127.0.0.1:{port}/metrics")


def test_by_default_they_are_beside_those_of_the_application() -> None:
    """So whatever exposes those exposes these."""
    from prometheus_client import REGISTRY

    metrics = PrometheusMetrics()
    try:
        assert "meshlib_in_flight" in generate_latest(REGISTRY).decode()
        with pytest.raises(ValueError, match="Duplicated"):
            PrometheusMetrics()
    finally:
        for collector in {*REGISTRY._collector_to_names}:
            if any(name.startswith("meshlib_") for name in REGISTRY._collector_to_names[collector]):
                REGISTRY.unregister(collector)
    assert metrics.registry is REGISTRY
