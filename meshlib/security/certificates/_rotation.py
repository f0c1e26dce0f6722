"""
Whether what was read takes the place of what is in force.
"""

from __future__ import annotations

import enum

from ..._exceptions import CertificateError
from ._examine import Facts

PATIENCE = 10.0
"""Seconds for which files may be in the middle of being written before that is told."""


class Step(enum.Enum):
    """What to do with what was read."""

    KEEP = "keep"
    TAKE = "take"
    REFUSE = "refuse"
    """Keep what is in force, and tell why; once for each content."""


class Rotation:
    """
    Decides about each reading of the files. Not thread-safe.

    Files are often written one after the other, so what does not fit together is waited
    for; nobody is told before *patience* has passed without a change.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.problem: CertificateError | None = None
        """Why what was read last is not in force."""
        self._patience = patience
        self._digest: str | None = None
        self._facts: Facts | None = None
        self._other: str | None = None
        self._since = 0.0
        self._told = False

    @property
    def waiting(self) -> bool:
        """Whether there is something that may yet be taken."""
        return self.problem is not None

    def step(self, digest: str, found: Facts | CertificateError, now: float) -> Step:
        """What to do with content of this *digest*, which was *found* to be this, at *now*."""
        if digest == self._digest:
            self.problem = self._other = None
            return Step.KEEP
        problem = found if isinstance(found, CertificateError) else self._untimely(found, now)
        if problem is None:
            assert isinstance(found, Facts)
            self._digest, self._facts = digest, found
            self.problem = self._other = None
            return Step.TAKE
        if digest != self._other:
            self._other, self._since, self._told = digest, now, False
        self.problem = problem
        if self._told or now - self._since < self._patience:
            return Step.KEEP
        self._told = True
        return Step.REFUSE

    def _untimely(self, found: Facts, now: float) -> CertificateError | None:
        """Why *found* is no improvement on what is in force, as far as the time tells."""
        held = self._facts
        if held is None or not held.not_before <= now < held.not_after:
            return None  # it cannot get worse
        if now >= found.not_after:
            return CertificateError("the certificate has expired", reason="expired")
        if now < found.not_before:
            return CertificateError("the certificate is not yet valid", reason="not_yet_valid")
        return None
