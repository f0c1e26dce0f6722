"""What is read of reports of load, and who is told."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Mesh, MeshClient
from meshlib.balancing import learns
from meshlib.transport import read_report


@pytest.mark.parametrize(
    ("headers", "report"),
    [
        ({"x-mesh-load": "rif=3,latency=0.0125"}, (3.0, 0.0125)),
        ({"x-mesh-load": " rif = 3 , future=1"}, (3.0, None)),
        ({"x-mesh-load": "rif=3,latency=0"}, (3.0, None)),
        ({"x-mesh-load": "latency=1"}, None),
        ({"x-mesh-load": "rif=-1"}, None),
        ({"x-mesh-load": "rif=nan"}, None),
        ({"x-mesh-load": "rif=3,latency=1e9"}, None),
        ({"x-mesh-load": "rif=" + "9" * 400}, None),
        ({"x-mesh-load": "", "endpoint-load-metrics": "TEXT cpu_utilization=0.5"}, None),
        ({"endpoint-load-metrics": "TEXT cpu_utilization=0.5"}, (50.0, None)),
        (
            {"endpoint-load-metrics": "TEXT cpu_utilization=0.5,application_utilization=0.25"},
            (25.0, None),
        ),
        (
            {"endpoint-load-metrics": "TEXT named_metrics.rif=2,named_metrics.latency=0.5"},
            (2.0, 0.5),
        ),
        (
            {"endpoint-load-metrics": 'JSON {"named_metrics": {"rif": 2, "latency": 0.5}}'},
            (2.0, 0.5),
        ),
        ({"endpoint-load-metrics": 'JSON {"cpu_utilization": 0.5, "eps": true}'}, (50.0, None)),
        ({"endpoint-load-metrics": "JSON [1]"}, None),
        ({"endpoint-load-metrics": "JSON {"}, None),
        ({"endpoint-load-metrics": "JSON " + "[" * 2000}, None),
        ({"endpoint-load-metrics": 'JSON {"rps_fractional": "much"}'}, None),
        ({"endpoint-load-metrics": "BIN CAE="}, None),
        ({}, None),
    ],
)
def test_reports_are_read(headers: dict[str, str], report: Any) -> None:
    """Ours and ORCA's; what makes no sense is none."""
    assert report == read_report(httpx.Headers(headers))


@given(st.text(max_size=80), st.sampled_from(["", "TEXT ", "JSON "]))
def test_no_header_breaks_the_reading(text: str, kind: str) -> None:
    """Anybody may have sent it."""
    for name in ("x-mesh-load", "endpoint-load-metrics"):
        report = read_report({name: kind + text})
        assert report is None or report.rif >= 0.0


class Answers:
    """Endpoints that tell their load, and keep what they were asked."""

    def __init__(self, **rifs: int) -> None:
        self.rifs = {f"{name.replace('_', '.')}": rif for name, rif in rifs.items()}
        self.asked: list[str | None] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer, as loaded as it was said."""
        self.asked.append(request.headers.get("x-mesh-load"))
        rif = self.rifs[request.url.host]
        headers = {"x-mesh-load": f"rif={rif},latency=0.01"}
        return httpx.Response(self.status, headers=headers, text=request.url.host)


def _client(answers: Answers, balancer: Any, **settings: Any) -> MeshClient:
    endpoints = [f"http://{name}:80" for name in answers.rifs]
    services = {"s": {"endpoints": endpoints, "balancer": balancer, **settings}}
    mesh = Mesh(services=services, rng=random.Random(1))
    return MeshClient(mesh=mesh, transport=httpx.MockTransport(answers))


def test_calls_go_where_the_reports_say() -> None:
    """Once each endpoint has answered, to the one that serves the fewest."""
    answers = Answers(a_1=7, b_1=2, c_1=9)
    with _client(answers, "prequal") as client:
        said = [client.get("s", "/").text for _ in range(12)]
    assert {"b.1"} == set(said[4:7])
    assert {"1"} == set(answers.asked)


def test_others_do_not_ask() -> None:
    """Reports cost their server something."""
    answers = Answers(a_1=7, b_1=2)
    with _client(answers, "least_connections") as client:
        for _ in range(3):
            client.get("s", "/")
    assert {None} == set(answers.asked)


class Learner:
    """A balancer of one's own that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def pick(self, candidates: Any, info: Any) -> Any:
        """The first."""
        return candidates[0]

    def report(self, load: Any, rif: float, latency: float, now: float) -> None:
        """Keep it."""
        self.told.append((rif, latency))

    def ended(self, load: Any, failed: bool, now: float) -> None:
        """Keep it."""
        self.told.append(failed)


@pytest.mark.parametrize(
    ("status", "told"), [(200, [False, (7.0, 0.01)]), (404, [False, (7.0, 0.01)]), (500, [True])]
)
def test_a_balancer_of_ones_own_learns_too(status: int, told: list[Any]) -> None:
    """It has `report` and `ended`; what a failure says of the load is not believed."""
    answers, learner = Answers(a_1=7), Learner()
    answers.status = status
    assert learns(learner)
    with _client(answers, learner, retry=False) as client:
        client.get("s", "/")
    assert told == learner.told


def test_an_attempt_without_an_answer_is_told() -> None:
    """As a failure of its endpoint."""

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone")

    learner = Learner()
    services = {"s": {"endpoints": ["http://a.1:80"], "balancer": learner, "retry": False}}
    with (
        MeshClient(services=services, transport=httpx.MockTransport(gone)) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get("s", "/")
    assert [True] == learner.told
