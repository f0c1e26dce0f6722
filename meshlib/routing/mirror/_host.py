"""
The Host header of a copy.
"""

from __future__ import annotations

import re

_PORT = re.compile(rb":\d*$")
_SUFFIX = b"-shadow"


def shadow_host(host: bytes) -> bytes:
    """
    *host* with `-shadow` after its name and before its port, as Envoy's shadow writer has it.

    An IPv6 address gets it behind its brackets.
    """
    port = _PORT.search(host)
    if port is None:
        return host + _SUFFIX
    return host[: port.start()] + _SUFFIX + port[0]
