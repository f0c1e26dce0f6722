"""The server's half of a mesh: made when it is asked for, and reconfigured with the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, Mesh, MeshConfig
from meshlib.config import load_config
from meshlib.events import Event, RequestServed
from meshlib.inbound import Head, Inbound, InboundOptions
from support import FakeClock

DOWN = {"name": "down", "abort": {"status": 503}}
HEAD = Head("GET", "/", peer="10.0.0.9")


def test_it_is_made_once(clock: FakeClock) -> None:
    """With the name, the clock and the options of the mesh."""
    with Mesh("orders", config={"inbound": {"concurrency": 10}}, clock=clock) as mesh:
        assert mesh.metrics().inbound is None
        inbound = mesh.inbound
        assert inbound is mesh.inbound
        assert ("orders", clock, 10) == (inbound.name, inbound.clock, inbound.counts().limit)
        inbound.arrive(HEAD).finish(200)
        assert 1 == mesh.metrics().inbound.served


def test_listeners_hear_of_requests() -> None:
    """As of calls, and also those that begin to listen later."""
    events: list[Event] = []
    with Mesh("orders") as mesh:
        inbound = mesh.inbound
        inbound.arrive(HEAD).finish(200)
        stop = mesh.listen(events.append)
        inbound.arrive(HEAD).finish(200)
        stop()
        inbound.arrive(HEAD).finish(200)
    assert [RequestServed] == [type(event) for event in events]


def test_another_document_takes_effect() -> None:
    """While requests are served, and without their permits being lost."""
    with Mesh("orders", config={"inbound": {"concurrency": 10}}) as mesh:
        arrival = mesh.inbound.arrive(HEAD)
        gate = mesh.inbound.parts.gate
        mesh.apply({"inbound": {"concurrency": 20, "faults": [DOWN]}})
        assert (gate, 20, 1) == (
            mesh.inbound.parts.gate,
            mesh.inbound.counts().limit,
            mesh.inbound.counts().in_flight,
        )
        assert mesh.inbound.arrive(HEAD).fault is not None
        arrival.finish(200)
        mesh.apply({})
        assert mesh.inbound.options == InboundOptions()


def test_an_invalid_document_changes_nothing() -> None:
    """What is wrong is told with its place."""
    with Mesh("orders", config={"inbound": {"concurrency": 10}}) as mesh:
        inbound = mesh.inbound
        with pytest.raises(ConfigurationError, match=r"inbound\.trust\.networks"):
            mesh.apply({"inbound": {"trust": {"networks": ["home"]}}})
        assert 10 == inbound.counts().limit


def test_another_document_before_it_is_made() -> None:
    """It is made by the one in force then."""
    with Mesh("orders") as mesh:
        mesh.apply({"inbound": {"concurrency": 30}})
        assert 30 == mesh.inbound.counts().limit


def test_a_document_that_was_planned_before_it_was_made() -> None:
    """Nothing planned means the document in force."""
    with Mesh("orders") as mesh:
        inbound = mesh.inbound
        mesh.config = MeshConfig.model_validate({"inbound": {"concurrency": 7}})
        mesh.serving.take(None)
        assert 7 == inbound.counts().limit


def test_traces_travel_as_the_document_says() -> None:
    """A new format is read from the next request on."""
    with Mesh("orders", config={"telemetry": {"propagation": ["baggage"]}}) as mesh:
        before = mesh.inbound.parts.tracing
        mesh.apply({"telemetry": {"propagation": ["baggage"]}, "inbound": {"access_log": True}})
        assert before is mesh.inbound.parts.tracing
        mesh.apply({"telemetry": {"propagation": ["tracecontext"]}})
        assert before is not mesh.inbound.parts.tracing


# Faults


def faulty(**document: Any) -> Mesh:
    """A mesh that answers every request with 503 on purpose."""
    return Mesh("orders", config={"inbound": {"faults": [DOWN]}, **document})


def acts(inbound: Inbound) -> bool:
    """Whether a request meets a fault."""
    return inbound.arrive(HEAD).fault is not None


def test_stopping_faults_stops_those_of_requests() -> None:
    """One switch for calls and requests, that also ends waits."""
    with faulty() as mesh:
        fault = mesh.inbound.arrive(HEAD).fault
        assert fault is not None
        mesh.faults.stop()
        assert (False, False) == (acts(mesh.inbound), fault.stands())
        mesh.faults.enabled = True
        assert acts(mesh.inbound)


def test_kill_file(tmp_path: Path) -> None:
    """As for calls."""
    path = tmp_path / "stop"
    with faulty(fault_control={"kill_file": str(path)}) as mesh:
        assert acts(mesh.inbound)
        path.touch()
        assert not acts(mesh.inbound)


def test_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where faults may not run, none does; a test that knows better permits them."""
    monkeypatch.setenv("MESHLIB_ENV", "production")
    with faulty(fault_control={"environments": ["ci"]}) as mesh:
        assert (False, False) == (acts(mesh.inbound), mesh.inbound.faults.heeds_requests)
        mesh.faults.permit()
        assert (True, True) == (acts(mesh.inbound), mesh.inbound.faults.heeds_requests)


def test_rules_of_calls_do_not_act_on_requests() -> None:
    """Nor the other way round."""
    with Mesh("orders", config={"faults": [DOWN]}) as mesh:
        assert not acts(mesh.inbound)


# Tokens


def test_keys_are_fetched_while_tokens_are_looked_at() -> None:
    """In the background; another set of keys takes the place of the first."""
    pytest.importorskip("joserfc", reason="needs the extra tokens")
    said = {"issuer": "https://idp", "audience": "orders", "jwks": "/nowhere/keys.json"}
    with Mesh("orders", config={"inbound": {"tokens": said}}) as mesh:
        serving = mesh.serving
        tokens = mesh.inbound.parts.tokens
        assert tokens is not None
        assert tokens.keys is serving._keys
        first = serving._tasks._running["keys"]
        mesh.apply({"inbound": {"tokens": said, "access_log": True}})
        assert first is serving._tasks._running["keys"]
        mesh.apply({"inbound": {"tokens": {**said, "leeway": 1}}})
        assert first.cancelled
        mesh.renew()
        assert not serving._tasks._running["keys"].cancelled
        mesh.apply({})
        assert {} == serving._tasks._running


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_renew() -> None:
    """A forked child starts with no request in flight, whether anything serves or not."""
    with Mesh("orders") as mesh:
        mesh.renew()
        mesh.inbound.arrive(HEAD)
        mesh.renew()
        assert 0 == mesh.inbound.counts().in_flight


# The document


def test_overlay() -> None:
    """An environment changes what it names; a limit is replaced as a whole."""
    config = {
        "inbound": {"deadline": {"max": 5}, "concurrency": "gradient2", "access_log": True},
        "environments": {
            "ci": {"inbound": {"deadline": {"default": 2}, "concurrency": 100}},
            "none": {"inbound": None},
        },
    }
    inbound = load_config(config, environ={"MESHLIB_ENV": "ci"}).inbound
    assert (5.0, 2.0, True) == (inbound.deadline.max, inbound.deadline.default, inbound.access_log)
    assert inbound.concurrency is not None
    assert "fixed" == inbound.concurrency.kind


def test_empty_heading() -> None:
    """`inbound:` with nothing under it is the default, and options may be given as objects."""
    assert MeshConfig.model_validate({"inbound": None}).inbound == InboundOptions()
    said = MeshConfig.model_validate({"inbound": InboundOptions(access_log=True)})
    assert said.inbound.access_log
