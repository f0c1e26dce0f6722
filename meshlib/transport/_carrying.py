"""
What a call passes on to whoever serves it, where no tracing does.
"""

from __future__ import annotations

from ..faults import FAULT_BAGGAGE
from ..telemetry import carried
from ._headers import Triple

_BAGGAGE = b"baggage"
_MEMBER = FAULT_BAGGAGE.encode("ascii") + b"="


def pass_faults_on(headers: list[Triple]) -> None:
    """Add the faults of the current baggage to *headers*, unless they are there already."""
    value = carried(FAULT_BAGGAGE)
    if value is None or not value.isascii():
        return
    member = _MEMBER + value.encode("ascii")
    for index, (name, lower, present) in enumerate(headers):
        if lower == _BAGGAGE:
            if _MEMBER not in present:
                # Of two headers of this name some servers read the first only.
                headers[index] = (name, lower, b"%b,%b" % (present, member))
            return
    headers.append((_BAGGAGE, _BAGGAGE, member))
