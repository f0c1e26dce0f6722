"""The comparison of balancers: its worlds repeat, and the default keeps its tails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from support.source import ROOT


@pytest.fixture
def balance(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of the benchmark."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import _balance_figures
    import _balance_real
    import _balance_simulated
    import _balance_world
    import balance

    return SimpleNamespace(
        main=balance,
        figures=_balance_figures,
        real=_balance_real,
        simulated=_balance_simulated,
        World=_balance_world.World,
        FAILING=_balance_world.FAILING,
    )


def test_a_seed_gives_every_strategy_the_same_requests(balance: Any) -> None:
    """And the server process the same slow phases as the clients' oracle."""
    one, same, other = (balance.World(3, 4, 0.7, 1.0, seed) for seed in (1, 1, 2))
    assert one.requests == same.requests
    assert one.slow_from == same.slow_from
    assert one.requests != other.requests
    assert pytest.approx(one.rate, rel=0.2) == len(one.requests) / 1.0


def test_the_default_is_near_the_oracle(balance: Any) -> None:
    """In a small form of what the report measures; the same figures on every machine."""
    found = balance.main.simulated(
        (10, 20, 0.8), 1, 2.5, ("oracle", "least_connections", "Envoy LEAST_REQUEST")
    )
    p99 = {strategy: one["p99"] for strategy, one in found.items()}
    assert p99["least_connections"] <= 1.35 * p99["oracle"]
    assert p99["least_connections"] <= 0.8 * p99["Envoy LEAST_REQUEST"]


def test_reports_are_enough_to_balance_by(balance: Any) -> None:
    """Those that come with answers, without a single probe."""
    found = balance.main.simulated((10, 20, 0.8), 1, 1.5, ("oracle", "prequal"))
    assert found["prequal"]["p99"] <= 1.35 * found["oracle"]["p99"]


def test_a_failing_replica_gets_no_share(balance: Any) -> None:
    """Though it answers faster than any other."""
    found = balance.main.simulated((10, 20, 0.6), 1, 3.0, ("least_connections",), (0.1, 0.9))
    assert 0.0 < found["least_connections"]["errors"] <= 0.01


def test_the_share_of_a_healed_replica_is_found(balance: Any) -> None:
    """In steps from the moment on; None when it never comes back."""
    world = balance.World(2, 4, 0.5, 4.0, fails=(0.5, 1.0))
    run = balance.figures.Run()
    for n in range(40):
        run.add(1.0 + n / 10, 0.01, False, balance.FAILING if n >= 15 and n % 4 == 0 else 0)
    assert pytest.approx(2.0) == balance.figures.healed_after(run, world)
    never = balance.figures.Run()
    never.add(2.0, 0.01, False, 0)
    assert balance.figures.healed_after(never, world) is None


def test_limits_are_held(balance: Any) -> None:
    """What is above one is named; too few requests judge nobody."""
    enough = {"requests": 9000, "p50": 1.0, "p99.9": 9.0, "errors": 0.0}
    found = {
        "oracle": {**enough, "p99": 1.0},
        "least_connections": {**enough, "p99": 1.3},
        "Envoy LEAST_REQUEST": {**enough, "p99": 1.5},
    }
    result = {"simulated": {}, "real": {"10 x 20, 0.8": found}}
    assert ["real, 10 x 20, 0.8: p99 0.87 of Envoy LEAST_REQUEST, above 0.8"] == (
        balance.main.broken(result)
    )
    result["failing"] = {"least_connections": {**enough, "errors": 0.004, "healed": None}}
    assert 3 == len(balance.main.broken(result))
    assert balance.main.tables(result)
    found["least_connections"]["requests"] = 10
    result["failing"]["least_connections"]["requests"] = 10
    assert [] == balance.main.broken(result)


def test_real_processes_answer(balance: Any) -> None:
    """A second of the real part: everything that was sent is answered."""
    world = balance.World(2, 4, 0.3, 0.5, 1, 2.0)
    found = balance.real.run_once(world, "least_connections", 0.0)
    assert len(world.requests) == found["requests"]
    assert 0.0 == found["errors"]
