"""
Faults for a while, without anybody who judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import DocumentStore
from ._catalogue import load_scenario
from ._course import Verdict
from ._document import DocumentFaults
from ._report import ChaosReport
from ._timeline import rules_of, run_name
from ._waiting import Sleep, real_sleep


def hold(
    scenario: Any,
    document: DocumentStore,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    sleep: Sleep = real_sleep,
) -> ChaosReport:
    """
    Have the faults of *scenario* in *document* for as long as its method takes. Blocks.

    Nobody measures, so the verdict is always inconclusive. The faults are taken out
    whatever happens. Raises ConfigurationError and StoreError.
    """
    loaded = load_scenario(scenario)
    plan, name = loaded.plan(parameters), run_name(loaded.name, seed)
    faults = DocumentFaults(document, rules_of(plan, name, seed=seed))
    try:
        faults.begin()
        sleep(plan.duration)
    finally:
        faults.end()
    return ChaosReport(
        scenario=loaded.name,
        run=name,
        parameters=loaded.values(parameters),
        verdict=Verdict.INCONCLUSIVE,
        reasons=("no calls were made, so nobody measured",),
    )
