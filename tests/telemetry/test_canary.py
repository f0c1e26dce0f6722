"""What is told of canaries: gauges, metrics and log lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from meshlib import Mesh
from meshlib.events import CanaryChanged, CanaryStoreChanged
from meshlib.telemetry import CanaryMetrics, MeshMetrics, StateLog, measure
from meshlib.telemetry._gauges import gauges_of

Read = Callable[[], dict[str, list[Any]]]


class Measured:
    """A mesh with one service and its canary."""

    name = "shop"

    def __init__(self, canary: CanaryMetrics) -> None:
        self.canary = canary
        self._mesh = Mesh(services={"users": ["http://10.0.0.1:1"]})

    def metrics(self) -> MeshMetrics:
        """The metrics of now."""
        services = [self._mesh.service("users")]
        return measure("shop", services, {}, 0.0, canaries={"users": {"new": self.canary}})

    class mirroring:  # noqa: N801 -- what a mesh has there
        """No mirrors."""

        @staticmethod
        def counts() -> dict[str, Any]:
            """None."""
            return {}


def canary(weight: float = 0.2) -> CanaryMetrics:
    """A canary in the middle of its rollout."""
    return CanaryMetrics(
        revision="v2", state="progressing", weight=weight, failed=1, reachable=True, store="etcd"
    )


def test_weight_and_state_are_observed(meters: MeterProvider, read: Read) -> None:
    """Each state has a number, so that an alert has something to compare."""
    mesh, same = Measured(canary()), Measured(canary(0.3))
    for each in (mesh, same):
        gauges_of(meters).add(each)
    seen = read()
    about = {
        "meshlib.mesh": "shop",
        "meshlib.service": "users",
        "meshlib.route": "users/new",
        "meshlib.canary.revision": "v2",
    }
    assert [(0.3, about)] == [(p.value, dict(p.attributes)) for p in seen["meshlib.canary.weight"]]
    states = {p.attributes["state"]: p.value for p in seen["meshlib.canary.state"]}
    assert {"progressing"} == {state for state, value in states.items() if value}
    assert 6 == len(states)
    del mesh
    read()


def test_metrics_have_canaries_by_route() -> None:
    """And as plain data."""
    metrics = Measured(canary()).metrics()
    assert canary() == metrics.services["users"].canaries["new"]
    plain = json.loads(json.dumps(metrics.as_dict()))
    assert 0.2 == plain["services"]["users"]["canaries"]["new"]["weight"]


def changed(new: str) -> CanaryChanged:
    """A change of state."""
    return CanaryChanged(
        service="users",
        route="new",
        revision="v2",
        old="progressing",
        new=new,
        weight=0.0,
        reason="worse",
        store="process",
    )


def touched(error: BaseException | None) -> CanaryStoreChanged:
    """A store that went away, or came back."""
    return CanaryStoreChanged(
        service="users", route="new", store="etcd", reachable=error is None, error=error
    )


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (
            changed("rolled_back"),
            logging.WARNING,
            "users: canary v2 of new: progressing -> rolled_back at 0.00, by process: worse",
        ),
        (
            changed("promoted"),
            logging.INFO,
            "users: canary v2 of new: progressing -> promoted at 0.00, by process: worse",
        ),
        (
            touched(OSError("x")),
            logging.WARNING,
            "users: the canary of new keeps its share: its etcd cannot be reached: OSError: x",
        ),
        (
            touched(None),
            logging.INFO,
            "users: the canary of new is in touch with its etcd again",
        ),
    ],
)
def test_changes_are_logged(
    event: Any, level: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A rollback is a warning, and so is a store that is away."""
    caplog.set_level(logging.INFO, "meshlib")
    StateLog()(event)
    record = caplog.records[-1]
    assert (level, text) == (record.levelno, record.getMessage())
