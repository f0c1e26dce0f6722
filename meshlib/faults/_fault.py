"""What a decision to inject says to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ._rule import Rule

Phase = Literal["attempt", "call"]


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Wait for *delay* seconds, then answer with *status*, or raise *error*, or go on.

    *rule* names the rules that act, joined by "+". *delay* is 0 without a delay. At most
    one of *status* and *error* is set; *retry_after* (seconds) and *body* belong to
    *status*. *error* is one of the names a rule may give.
    """

    rule: str
    delay: float
    status: int | None
    error: str | None
    retry_after: float | None
    body: str
    phase: Phase
    # The rules that count this fault as active, emptied by its release.
    active: list[Rule] = field(default_factory=list, repr=False, compare=False)
