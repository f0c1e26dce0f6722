"""
Whether an attempt that failed is tried again, and when.

An outcome is *classified*; its class says whether calls may be tried again after it: no
call, idempotent ones, or any. The *policy* limits the attempts of one call and gives the
*backoff* between them, unless the server gave a *hint* of its own. The *budget* limits
the retries of all calls together, and the *guard* withholds them while they keep a service
overloaded. A *hedge* is a retry that does not wait for the failure.

Nothing here sleeps, sends or reads a clock: `now`, the clock for dates and the random
generator are arguments.
"""

from __future__ import annotations

from ._budget import RetryBudget
from ._classify import RETRYABLE, Classifier
from ._guard import Counts, RetryGuard
from ._hedge import HedgePolicy
from ._hints import server_hint
from ._options import (
    IDEMPOTENT_METHODS,
    BackoffOptions,
    BudgetOptions,
    HedgeOptions,
    RetryOptions,
)
from ._policy import RetryPolicy

__all__ = [
    "IDEMPOTENT_METHODS",
    "RETRYABLE",
    "BackoffOptions",
    "BudgetOptions",
    "Classifier",
    "Counts",
    "HedgeOptions",
    "HedgePolicy",
    "RetryBudget",
    "RetryGuard",
    "RetryOptions",
    "RetryPolicy",
    "server_hint",
]
