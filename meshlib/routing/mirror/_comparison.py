"""
Two answers, and what was found to differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answered:
    """
    One answer, as far as it is compared.

    *headers* are names in lower case with their values, repeated ones one after the other.
    *body* is decoded, None when it was not kept; *reason* then says why.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One place where two answers differ, with what stands there, shortened and redacted.

    *place* is `status`, `header NAME`, `body`, or a JSON Pointer into the body; `missing`
    stands for what one of them lacks.
    """

    place: str
    original: str
    mirrored: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    What came of comparing: the *differences*, of which the first 20 are told.

    *left_out* says why bodies were not compared though they should be; empty when all was
    looked at.
    """

    differences: tuple[Difference, ...] = ()
    left_out: str = ""

    @property
    def equal(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.differences
