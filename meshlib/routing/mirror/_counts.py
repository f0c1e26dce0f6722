"""
What became of the copies of one mirror.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class MirrorCounts:
    """
    Counts since the mirror was first configured.

    Each of the *offered* was *sent*, is waiting, or was *dropped* for one of the reasons
    there. *failed* were sent and brought no answer. *compared* are pairs of answers, of
    which *different* were not the same. Not thread-safe.
    """

    offered: int = 0
    sent: int = 0
    failed: int = 0
    compared: int = 0
    different: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, number: int = 1) -> None:
        """Count *number* copies that will not be sent."""
        if number:
            self.dropped[reason] = self.dropped.get(reason, 0) + number

    def plus(self, other: MirrorCounts) -> MirrorCounts:
        """The sums of both."""
        sums = MirrorCounts(
            self.offered + other.offered,
            self.sent + other.sent,
            self.failed + other.failed,
            self.compared + other.compared,
            self.different + other.different,
            dict(self.dropped),
        )
        for reason, number in other.dropped.items():
            sums.drop(reason, number)
        return sums

    def snapshot(self) -> MirrorCounts:
        """The same as they are now."""
        return self.plus(MirrorCounts())
