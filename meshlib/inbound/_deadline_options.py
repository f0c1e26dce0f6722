"""How long a request that is served may take."""

from __future__ import annotations

from .._options import Options, PositiveDuration


class InboundDeadlineOptions(Options):
    """
    The time for a request, beside what its caller says that it has left.

    Both are null by default: a caller that waits for ever is served for as long as it takes.
    """

    default: PositiveDuration | None = None
    """Seconds for a request that says nothing."""
    max: PositiveDuration | None = None
    """Seconds that no request exceeds, whatever it says."""
