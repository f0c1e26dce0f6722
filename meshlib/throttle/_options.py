"""What a user may set about throttling."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .._options import Options, PositiveDuration


class ThrottleOptions(Options):
    """Refuses calls that a service would most likely not accept (Google's SRE book)."""

    multiplier: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    """
    Calls sent for each that is accepted; the book's. Less spares the service more and is
    slower to see that it is well again.
    """
    window: Annotated[PositiveDuration, Field(ge=0.01)] = 10.0
    """
    Seconds over which calls are counted. The book's two minutes need one minute of failures
    before anything is refused, and refuse for one when all is well; keep it well above the
    slowest calls.
    """
    min_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """Calls a second in the window below which none is refused; Finagle's NackAdmissionFilter."""
    max_rejection: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Share that is refused at most: the others find out when the service is well again."""
