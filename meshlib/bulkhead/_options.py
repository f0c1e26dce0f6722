"""What a user may set about the number of calls in flight."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .._options import Duration, Options
from .limits import AdaptiveOptions, DropsOptions


class BulkheadOptions(Options):
    """How many calls may be in flight, and how many may wait for how long."""

    max_concurrency: Annotated[int, Field(ge=1)] | None = 1000
    """Calls at once, all threads and event loops together; null is unlimited."""
    adaptive: AdaptiveOptions | None = AdaptiveOptions(drops=DropsOptions())
    """
    What finds the limit from how long attempts take and how many time out or are shed,
    `max_concurrency` at the most; null: the limit is `max_concurrency`. The default lowers
    it only while most attempts are lost: without, a service at 85 % of its capacity that
    was slow for five seconds stays overloaded by what it was sent meanwhile.
    """
    max_queue: Annotated[int, Field(ge=0)] = 1000
    """Calls that may wait, first in first out; 0 rejects at once."""
    max_wait: Duration = 1.0
    """Seconds a call waits at most; the deadline may be nearer."""
