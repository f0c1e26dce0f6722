"""
What a forked child must do before it makes a call: forget its parent's threads and sockets.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

_SURVIVORS: weakref.WeakSet[Any] = weakref.WeakSet()


def survive_fork(thing: Any) -> None:
    """Have `thing.renew()` called in every forked child for as long as *thing* lives."""
    _SURVIVORS.add(thing)


def _renew_all() -> None:
    for thing in list(_SURVIVORS):
        thing.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
