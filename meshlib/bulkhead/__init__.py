"""
How many calls may be in flight.

A `Bulkhead` hands out permits, one a call, and keeps calls that found none in a queue,
first in first out. It never blocks: a call that has to wait brings a `Waiter`, waits on
it in its own way (a thread, a task of any loop), and is set when a permit is its own.
So one count holds for all threads and loops together.

A driver does this:

1. `try_acquire`; True: go on to 4.
2. `enqueue(waiter)`; False: the queue is full, reject.
3. Wait for the waiter, `max_wait` at most. Time out or cancelled: `abandon(waiter)`;
   True means that the permit had come already, and is now to be released or used.
4. Do the call, and `release` once, whatever becomes of it.
"""

from __future__ import annotations

from ._bulkhead import Bulkhead, Waiter
from ._options import BulkheadOptions

__all__ = ["Bulkhead", "BulkheadOptions", "Waiter"]
