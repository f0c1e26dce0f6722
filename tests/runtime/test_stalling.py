"""What a mesh does about event loops that stand still."""

from __future__ import annotations

import pytest

from meshlib import ConfigurationError, Mesh
from meshlib.runtime import _stalling
from support import FakeClock


@pytest.fixture(autouse=True)
def on_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as outside of tests."""
    monkeypatch.setattr(_stalling, "MEASURED", True)


def test_stalls_are_measured_by_default() -> None:
    """By the clock of the machine, from 50 ms on; a document may say otherwise, or nothing."""
    with Mesh("test") as mesh:
        assert mesh.stalls.threshold == 0.05
        mesh.apply({"stalls": {"threshold": "100ms"}})
        assert mesh.stalls.threshold == 0.1
        mesh.apply({"stalls": None})
        assert mesh.stalls.threshold is None
    with Mesh("test", config={"stalls": None}) as mesh:
        assert mesh.stalls.threshold is None


def test_time_of_a_test_stands_still_by_itself() -> None:
    """Its seconds pass at once, which no loop has to do with."""
    with Mesh("test", clock=FakeClock()) as mesh:
        assert mesh.stalls.threshold is None
        mesh.apply({"stalls": {"threshold": 1}})
        assert mesh.stalls.threshold is None


def test_other_changes_leave_the_threshold() -> None:
    """What code has set is not taken back by a document that says nothing new of it."""
    with Mesh("test") as mesh:
        mesh.stalls.take(2.0)
        mesh.apply({"services": {"users": ["http://a:80"]}})
        assert mesh.stalls.threshold == 2.0


def test_a_threshold_below_the_grain_of_loops_is_refused() -> None:
    """Or everything would be a stall."""
    with pytest.raises(ConfigurationError, match=r"stalls\.threshold"):
        Mesh("test", config={"stalls": {"threshold": "1ms"}})


def test_calls_of_services_and_of_tenants_keep_loops_watched() -> None:
    """A permit that somebody has is a call in flight."""
    with Mesh("test", services={"users": ["http://a:80"]}) as mesh:
        busy = mesh.stalls.busy
        assert not busy()
        bulkhead = mesh.service("users").bulkhead
        bulkhead.try_acquire()
        assert busy()
        bulkhead.release()
        assert not busy()
        mesh.explain("http://users/", tenant="one")
        mesh.tenant("one").explain("http://users/")
        (front,) = [f for f in mesh.routing._fronts.values() if f.tenant == "one"]
        front.bulkhead.try_acquire()
        assert busy()
        front.bulkhead.release()
        assert not busy()
