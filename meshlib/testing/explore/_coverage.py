"""How much of what may break was broken on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class ResilienceCoverage:
    """
    Counts, for each edge, which kinds of fault fired in some run.

    An edge that was called without ever being broken counts as well, with nothing
    exercised. Built of the dicts that runs leave behind, which may come from other processes.
    """

    def __init__(self) -> None:
        self._wanted: dict[str, dict[str, bool]] = {}
        self.runs = 0
        self.reduced = 0
        self.product = 0
        self.failures: list[str] = []

    def reached(self, edge: str, kinds: Iterable[str]) -> None:
        """*edge* was called, and each of *kinds* may be tried there."""
        row = self._wanted.setdefault(edge, {})
        for kind in kinds:
            row.setdefault(kind, False)

    def fired(self, edge: str, kind: str) -> None:
        """A fault of this *kind* acted on *edge*."""
        self._wanted.setdefault(edge, {})[kind] = True

    @property
    def edges(self) -> set[str]:
        """Every edge that was called."""
        return set(self._wanted)

    @property
    def pairs(self) -> int:
        """Pairs of edge and kind that may be tried."""
        return sum(len(row) for row in self._wanted.values())

    @property
    def exercised(self) -> int:
        """Those of them that fired."""
        return sum(sum(row.values()) for row in self._wanted.values())

    @property
    def percentage(self) -> float:
        """The share that fired, 0 to 100; 0 when nothing was ever called."""
        return 100.0 * self.exercised / self.pairs if self.pairs else 0.0

    def to_json(self) -> dict[str, Any]:
        """The whole report, for a file."""
        return {
            "percentage": round(self.percentage, 2),
            "pairs": self.pairs,
            "exercised": self.exercised,
            "runs": self.runs,
            "reduced": self.reduced,
            "product": self.product,
            "edges": {edge: dict(row) for edge, row in sorted(self._wanted.items())},
            "failures": self.failures,
        }

    def lines(self) -> list[str]:
        """The report as text: a line for each edge, and the sum."""
        rows = sorted(self._wanted.items())
        width = max([len(edge) for edge, _ in rows], default=0)
        lines = [_line(edge.ljust(width), row) for edge, row in rows]
        lines.append(
            f"{self.exercised} of {self.pairs} pairs of edge and fault: {self.percentage:.0f} %"
        )
        return lines


def _line(edge: str, row: Mapping[str, bool]) -> str:
    missing = [kind for kind, fired in row.items() if not fired]
    text = f"{edge}  {len(row) - len(missing)}/{len(row)}"
    return f"{text}  missing: {', '.join(missing)}" if missing else text
