"""
What may be said of event loops that stand still.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from .._options import Options, parse_duration


class StallOptions(Options):
    """From when on an event loop stands still, and calls are judged without that time."""

    threshold: Annotated[
        float, BeforeValidator(parse_duration), Field(ge=0.005, allow_inf_nan=False)
    ] = 0.05
    """
    Seconds, 5 ms or more, by which a loop must be late; also `"50ms"`. It is asked twice in
    that time whether it runs, while calls are in flight. 50 ms are more than the garbage
    collector or a change of threads take, and less than most time-outs.
    """
