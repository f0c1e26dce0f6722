"""
The options of discovery that hold for every source.
"""

from __future__ import annotations

from pydantic import Field

from .._options import Duration, Options, Ratio


class DropGuardOptions(Options):
    """
    When a snapshot that lacks many endpoints at once is not believed at first.

    A registry that has just been restarted, or lost half of its data, says that endpoints
    are gone which serve as ever; Eureka's self-preservation guards against the same.
    """

    enabled: bool = True
    max_ratio: Ratio = 0.5
    """A snapshot may be smaller than the one in force by up to this share."""
    min_endpoints: int = Field(default=5, ge=1)
    """Below so many endpoints in force a snapshot is believed, as one of two may well go, unless
    the source has failed within the last `hold` seconds."""
    hold: Duration = 30.0
    """Seconds that the missing endpoints are kept; two heartbeats of the usual 15 s."""
