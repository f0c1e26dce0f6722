"""
Sections that true and false switch.

False is short for one key, such as `enabled: false` of a breaker or `max_attempts: 1` of
retries. True undoes that, whether it was said before or is the default; over a section
that is on it says nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._options import Options
from ..balancing import PanicOptions, SlowStartOptions
from ..breaker import BreakerOptions, OutlierOptions
from ..bulkhead import BulkheadOptions
from ..discovery import DropGuardOptions
from ..retry import RetryOptions

Tree = dict[str, Any]

_SLOW_START = 30.0
"""Seconds that `slow_start: true` means; they suit services that warm caches or compile."""


class _Switch(NamedTuple):
    """The key that switches a section, and its values."""

    key: str
    off: Any
    on: Any
    default: Any


def _switch(options: type[Options], key: str, off: Any, on: Any = None) -> _Switch:
    default = options.model_fields[key].default
    return _Switch(key, off, default if on is None else on, default)


SWITCHES = {
    "breaker": _switch(BreakerOptions, "enabled", off=False),
    "bulkhead": _switch(BulkheadOptions, "max_concurrency", off=None),
    "drop_guard": _switch(DropGuardOptions, "enabled", off=False),
    "outlier": _switch(OutlierOptions, "enabled", off=False),
    "panic": _switch(PanicOptions, "threshold", off=0.0),
    "retry": _switch(RetryOptions, "max_attempts", off=1),
    "slow_start": _switch(SlowStartOptions, "window", off=0.0, on=_SLOW_START),
}


def switched(section: str, base: Any, said: Any) -> Any:
    """
    What *said* means for a section that is inherited as *base*, without true and false.

    Settings for a breaker or an outlier detector that is off switch it on: whoever gives
    them means them to be used.
    """
    if section not in SWITCHES:
        return said
    switch = SWITCHES[section]
    inherited = base if isinstance(base, dict) else {}
    is_off = inherited.get(switch.key, switch.default) == switch.off
    if said is False:
        return {switch.key: switch.off}
    if said is True:
        return {switch.key: switch.on} if is_off else {}
    if isinstance(said, dict) and said and switch.key == "enabled" and is_off:
        return {"enabled": True, **said}
    return said
