"""A new endpoint's share of a service grows from call to call."""

from __future__ import annotations

import pytest

from meshlib import Endpoint
from support import FakeClock
from support.meshes import begun, service_of

A, B = "http://a:80", "http://b:80"


def test_share_of_a_new_endpoint_grows_until_its_window_is_over(clock: FakeClock) -> None:
    """Step by step as calls come, beside those that the service began with."""
    service = service_of(clock, A, slow_start={"window": 10}, outlier=False)
    assert [1.0] == [target.load.weight for target in service.targets]
    service.update([Endpoint(A), Endpoint(B, weight=2.0)])
    weights: list[float] = []
    for _ in range(12):
        call, _ = begun(service)
        call.close()
        old, new = service.targets
        assert 1.0 == old.load.weight
        weights.append(new.load.weight)
        clock.advance(1.0)
    assert 0.2 == pytest.approx(weights[0])
    assert weights == sorted(weights)
    assert 1.0 == pytest.approx(weights[5])
    assert [2.0, 2.0] == weights[-2:]


def test_without_a_window_a_new_endpoint_takes_its_whole_share(clock: FakeClock) -> None:
    """Which is the default."""
    service = service_of(clock, A)
    service.update([Endpoint(A), Endpoint(B, weight=2.0)])
    assert [1.0, 2.0] == [target.load.weight for target in service.targets]
