"""One short run of each scenario against real servers on the loopback address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshlib import MeshClient
from meshlib.chaos import Verdict, run, scenario_names
from support import ServerProcess

HIT: dict[str, dict[str, Any]] = {
    "certificate-expiry": {"percentage": 20},
    "cold-start": {"refusing": 0.2, "warming": 0.2, "delay": "10ms"},
    "gray-failure": {"delay": "10ms"},
    "network-partition": {"percentage": 20},
    "rate-limited": {"requests": 15, "window": 0.2},
    "retry-storm": {"percentage": 30},
}
"""Parameters with which the scenario may be absorbed in less than a second."""
PATIENT = (1, 5, 25)
"""Times as long, until a slow machine makes enough calls for a verdict."""
SERVICE = {
    "attempt_timeout": "300ms",
    "breaker": {"break_duration": 0.1, "consecutive_failures": 50},
    "retry": {"backoff": {"initial": "1ms"}, "budget": {"min_per_second": 100}},
}


@pytest.fixture(scope="module")
def urls() -> Iterator[list[str]]:
    """Two real servers."""
    with ServerProcess("a") as one, ServerProcess("b") as other:
        yield [one.url, other.url]


@pytest.mark.usefixtures("real_sleep")
@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_fires_on_a_real_application(name: str, urls: list[str]) -> None:
    """Faults fire in real calls, a verdict is reached, and nothing is left behind."""
    for times in PATIENT:
        with MeshClient(services={"users": {"endpoints": urls, **SERVICE}}) as client:
            report = run(
                client,
                name,
                load=lambda client=client: client.get("http://users/"),
                parameters={"duration": 0.6 * times, "success_rate": 0.5, **HIT.get(name, {})},
                rate=100,
                concurrency=8,
                before=0.3 * times,
                seed=1,
            )
            assert () == client.mesh.faults.rules
        if Verdict.PASS is report.verdict:
            break
    assert Verdict.PASS is report.verdict, str(report)
    assert report.injected
    assert sum(report.injected.values()) > 0
    assert report.absorbed
