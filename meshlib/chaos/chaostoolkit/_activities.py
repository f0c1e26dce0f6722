"""
The actions and probes of experiments.
"""

from __future__ import annotations

from typing import Any

from ...config import DocumentStore
from ...config.store import store_at
from .._catalogue import load_scenario
from .._document import DocumentFaults, take_out
from .._samples import quantile
from .._timeline import rules_of, run_name
from ._session import close_sessions, session_of


def inject(
    scenario: str,
    parameters: dict[str, Any] | None = None,
    config: str | None = None,
    document: str | None = None,
    seed: int | None = None,
) -> str:
    """
    Action: put the faults of *scenario* in force; returns the name of the run.

    They act in the mesh of *config*, through which the probes call, or with a *document*
    in every process that follows it. They end with the method of the scenario by themselves.
    """
    loaded = load_scenario(scenario)
    if document is None:
        return session_of(config).inject(loaded, parameters, seed)
    name = run_name(loaded.name, seed)
    DocumentFaults(_store(document), rules_of(loaded.plan(parameters), name, seed=seed)).begin()
    return name


def remove(
    config: str | None = None, document: str | None = None, run: str | None = None
) -> list[str]:
    """
    Action: take the faults out, and tell the names of their rules.

    Of a *document* those of *run*, or of every run. That there are none is no failure.
    """
    if document is None:
        return session_of(config).remove()
    return list(take_out(_store(document), run))


def close() -> None:
    """Action: take out all faults of this process, and close its clients; the last rollback."""
    close_sessions()


def success_rate(
    url: str,
    method: str = "GET",
    config: str | None = None,
    seconds: float = 2.0,
    rate: float = 20.0,
    concurrency: int = 4,
) -> float:
    """
    Probe: the share of good calls of *url*, from 0 to 1.

    Calls go through the mesh of *config*, *rate* a second for so many *seconds*. Raises
    RuntimeError when no call was made.
    """
    samples = session_of(config).send(
        url, method, seconds=seconds, rate=rate, concurrency=concurrency
    )
    if not samples:
        raise RuntimeError("no call was made")
    return sum(one.good for one in samples) / len(samples)


def latency(
    url: str,
    share: float = 0.95,
    method: str = "GET",
    config: str | None = None,
    seconds: float = 2.0,
    rate: float = 20.0,
    concurrency: int = 4,
) -> float:
    """
    Probe: the seconds in which this *share* of the good calls of *url* end.

    As `success_rate` otherwise. Raises RuntimeError when no call was good.
    """
    samples = session_of(config).send(
        url, method, seconds=seconds, rate=rate, concurrency=concurrency
    )
    found = quantile(samples, share)
    if found is None:
        raise RuntimeError("no call was good")
    return found


def faults_fired(config: str | None = None) -> int:
    """Probe: how many faults the mesh of *config* has injected since the last `inject`."""
    return session_of(config).observer.fired.total()


def attempts_per_call(config: str | None = None) -> float:
    """
    Probe: attempts for each call of the probes since the last `inject`.

    Raises RuntimeError when there was no call.
    """
    session = session_of(config)
    if not session.calls:
        raise RuntimeError("no call was made")
    return session.observer.attempts / session.calls


def _store(document: str) -> DocumentStore:
    return DocumentStore(store_at(document))
