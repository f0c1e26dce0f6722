"""What is remembered of each thing that was injected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "delay",
    "status",
    "error",
    "blackhole",
    "quota",
    "chunk_delay",
    "bandwidth",
    "truncate",
    "corrupt",
    "replace",
]
"""What was done; `what` of an injection says it in full."""


@dataclass(slots=True)
class Injection:
    """
    One effect that one rule had on one call, and how the system answered it.

    *id* is the rule's name and the number of this injection of it. *time* is on the mesh
    clock, in seconds. *what* is the status, the name of the error, the seconds of a delay
    or the like. *endpoint* is empty in phase `call`. The second half is None until the
    call is over.
    """

    id: str
    rule: str
    kind: Kind
    phase: Literal["attempt", "call"]
    time: float
    what: str
    service: str = ""
    endpoint: str = ""
    retries: int | None = None
    """Attempts that followed."""
    breaker: str | None = None
    """The state of the endpoint's breaker afterwards."""
    fallback: str | None = None
    """The kind of fallback that answered."""
    hedge: bool | None = None
    """Whether a hedge answered instead."""
    result: str | None = None
    """What the caller got: a status, or the name of an error."""
    added_latency: float | None = None
    """Seconds that the call took longer for it."""
    absorbed_by: str | None = None
    """
    What kept it from the caller: `retry`, `hedge`, `fallback`, or `patience` when it only
    took longer. None until the call is over, and when the caller got it.
    """
