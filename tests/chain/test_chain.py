"""
FastAPI on uvicorn, Flask on gunicorn and Starlette on uvicorn in a row, over mutual TLS.

One file, so that a process which runs tests starts the services once.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from meshlib import MeshClient
from support.chain import DOMAIN, Row, wait_for_spans
from support.otlp import Receiver

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SENT = {
    "traceparent": f"00-{TRACE}-{PARENT}-01",
    "baggage": "visitor=7",
    "x-request-id": "request-1",
    "x-meshlib-priority": "critical-plus",
    "x-meshlib-tenant": "acme",
}


# What gets to the last of them


def seen_by(client: httpx.Client, path: str, **headers: str) -> list[dict[str, Any]]:
    """What each of the services saw, the first first."""
    told = client.get(path, headers=SENT | headers).raise_for_status().json()
    return [told, told["below"], told["below"]["below"]]


def test_who_asks_is_known_all_the_way(plain: httpx.Client) -> None:
    """The id, the origin, the depth and the names of the services passed arrive."""
    told = seen_by(plain, "/orders/look/7")
    assert ["gateway", "orders", "stock"] == [each["service"] for each in told]
    assert {"request-1"} == {each["request_id"] for each in told}
    assert {"request-1"} == {each["origin"] for each in told}
    assert [0, 1, 2] == [each["depth"] for each in told]
    assert [[], ["gateway"], ["gateway", "orders"]] == [each["stack"] for each in told]


def test_each_service_verifies_its_caller(plain: httpx.Client) -> None:
    """By the SPIFFE ID of the certificate, of asyncio's servers and of threads'."""
    told = seen_by(plain, "/orders/look/7")
    callers = [f"{DOMAIN}/{name}" for name in ("browser", "gateway", "orders")]
    assert callers == [each["caller"] for each in told]


def test_priority_and_tenant_travel(plain: httpx.Client) -> None:
    """For whom, and how much it matters."""
    told = seen_by(plain, "/orders/look/7")
    assert {"CRITICAL_PLUS"} == {each["priority"] for each in told}
    assert {"acme"} == {each["tenant"] for each in told}


def test_trace_and_baggage_travel_in_every_format(plain: httpx.Client) -> None:
    """In W3C's headers and in both of Zipkin's, and the baggage beside them."""
    headers = seen_by(plain, "/orders/look/7")[2]["headers"]
    assert TRACE == headers["traceparent"].split("-")[1]
    assert TRACE == headers["b3"].split("-")[0] == headers["x-b3-traceid"]
    assert headers["b3"].split("-")[1] == headers["traceparent"].split("-")[2]
    assert "visitor=7" == headers["baggage"]


def test_the_time_left_shrinks(plain: httpx.Client) -> None:
    """Each service tells the next what is left for it, of what it was told itself."""
    told = seen_by(plain, "/orders/look/7", **{"x-envoy-expected-rq-timeout-ms": "10000"})
    left = [int(each["headers"]["x-envoy-expected-rq-timeout-ms"]) for each in told]
    assert 10000 == left[0] >= left[1] >= left[2] > 0


# What gets back to the first


def test_a_deadline_at_the_top_cancels_the_work_at_the_bottom(
    row: Row, plain: httpx.Client
) -> None:
    """After 300 ms the first service answers, and the handler of the last one is cancelled."""
    stock = row["stock"]
    while not stock.records("began"):  # on a busy machine the time may be over on the way
        response = plain.get("/orders/hang", headers={"x-envoy-expected-rq-timeout-ms": "300"})
        assert 504 == response.status_code
        assert response.elapsed.total_seconds() < 5.0, "an answer that waited for the work"
    stock.wait_for("cancelled", len(stock.records("began")))


def test_a_fault_at_the_bottom_is_known_by_name_at_the_top(
    row: Row, mesh: MeshClient, receiver: Receiver
) -> None:
    """In the report of the first service and of whoever called it, and in the spans."""
    trace = TRACE.replace("1", "3")
    traced = {"traceparent": f"00-{trace}-{PARENT}-01"}
    response = mesh.get("gateway", "/orders/look/broken", headers=traced)
    assert 502 == response.status_code
    assert ["stock/brownout"] == response.json()["upstream_faults"]
    assert ("stock/brownout",) == response.extensions["mesh"].upstream_faults
    assert "x-meshlib-faults" not in response.headers
    spans = wait_for_spans(
        receiver, trace, lambda spans: {"gateway", "stock"} <= {span.service for span in spans}
    )
    attempts = [span for span in spans if span.kind == "client"]
    assert {("stock/brownout",)} == {
        span.attributes.get("meshlib.upstream_faults") for span in attempts
    }
    bottom = [span for span in spans if span.service == "stock"]
    assert {"brownout"} == {span.attributes["meshlib.fault"] for span in bottom}


def test_retries_do_not_multiply(row: Row, mesh: MeshClient) -> None:
    """Three attempts on each of three layers are three in all, not 27."""
    response = mesh.get("gateway", "/orders/fail")
    told = response.json()
    assert (1, 3) == (told["attempts"], told["below"]["attempts"])
    assert 1 == len(response.extensions["mesh"].attempts)
    assert 3 == len(row["stock"].records("failed"))


def test_one_trace_from_end_to_end(plain: httpx.Client, receiver: Receiver) -> None:
    """Each service's span is the child of its caller's attempt, and all are of one trace."""
    trace = TRACE.replace("1", "2")
    plain.get("/orders/look/7", headers={"traceparent": f"00-{trace}-{PARENT}-01"})
    servers = {f"{name} server" for name in ("gateway", "orders", "stock")}
    spans = wait_for_spans(
        receiver, trace, lambda spans: servers <= {f"{s.service} {s.kind}" for s in spans}
    )
    found = {span.span: span for span in spans}
    (span,) = (span for span in spans if span.service == "stock")
    way = [f"{span.service} {span.kind}"]
    while span.parent != PARENT:
        span = found[span.parent]
        way.append(f"{span.service} {span.kind}")
    assert [  # FastAPI has a span of its own for the function that it calls
        "stock server",
        *("orders client", "orders internal", "orders server"),
        *("gateway client", "gateway internal", "gateway server"),
    ] == list(dict.fromkeys(way))
    served = [span.service for span in spans if span.kind == "server"]
    assert ["gateway", "orders", "stock"] == sorted(served)


# Who may call whom


def test_the_first_may_not_call_the_last(row: Row, mesh: MeshClient) -> None:
    """It knows where that is, and is told 403; nothing is served."""
    before = len(row["stock"].records("served"))
    response = mesh.get("gateway", "/stock/look/7")
    assert 403 == response.status_code
    assert before == len(row["stock"].records("served"))


def test_a_stranger_of_the_same_authority_may_call_nobody(row: Row) -> None:
    """A certificate proves who somebody is, and permits nothing."""
    files = row.issue("stranger")
    for name in ("gateway", "orders", "stock"):
        tls = {**files, "identity": f"{DOMAIN}/{name}"}
        services = {name: {"endpoints": [row[name].url], "tls": tls}}
        with MeshClient("stranger", services=services) as client:
            response = client.get(name, "/look/7")
        assert (403, "Forbidden") == (response.status_code, response.json()["title"])
        assert "from" not in response.text, "it is told which rule there is"


@pytest.mark.parametrize("name", ["gateway", "orders", "stock"])
def test_without_a_certificate_there_is_no_connection(
    row: Row, files: dict[str, str], name: str
) -> None:
    """Not even probes are answered to nobody."""
    context = ssl.create_default_context(cafile=files["ca"])
    with pytest.raises(httpx.TransportError):
        httpx.get(row[name].url + "/health/live", verify=context, trust_env=False)


def test_a_service_with_another_identity_is_not_called(row: Row, files: dict[str, str]) -> None:
    """What is at the address of one service must be that one."""
    tls = {**files, "identity": f"{DOMAIN}/orders"}
    services = {"orders": {"endpoints": [row["gateway"].url], "tls": tls}}
    refused = pytest.raises(httpx.TransportError, match=f"{DOMAIN}/gateway")
    with MeshClient("browser", services=services) as client, refused:
        client.get("orders", "/look/7")
