"""An overload that lasts some seconds ends when its cause does, by the library's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from support.source import ROOT


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def figures_of(settings: dict[str, Any], **blip: Any) -> dict[str, Any]:
    """What comes of a storm in virtual time, with real calls of a mesh."""
    from _storm_figures import figures
    from _storm_model import Blip, simulated

    storm = Blip(**{"calm": 3.0, "watched": 6.0, **blip})
    return figures(storm, simulated(storm, settings))


@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize("lasts", [2.0, 6.5])
def test_defaults_recover(servers: int, lasts: float) -> None:
    """Within two seconds, whatever time the storm took; hardly any attempt is made twice."""
    found = figures_of({}, servers=servers, workers=6 // servers, lasts=lasts)
    assert found["before"] > 0.99
    assert found["recovery"] is not None
    assert found["recovery"] <= 2.0
    assert found["amplification"] <= 1.2
    assert found["blip"] > 0.35


@pytest.mark.parametrize(
    "retry",
    [
        {"max_attempts": 4, "guard": False, "budget": {"ratio": 1, "min_per_second": 1e6}},
        {"max_attempts": 4, "guard": False, "budget": {"ratio": 0.2, "min_per_second": 0}},
    ],
    ids=["naive", "budget"],
)
def test_retries_alone_keep_it_up(retry: dict[str, Any]) -> None:
    """Without limit and breaker the service stays overloaded, a budget or not."""
    off = {"breaker": False, "bulkhead": {"adaptive": None}}
    found = figures_of({**off, "retry": retry}, lasts=5.0)
    assert found["recovery"] is None
    assert found["amplification"] > 1.5
    assert found["after"] < 0.05
