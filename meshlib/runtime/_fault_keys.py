"""
The keys that faults in baggage are signed with, from where the document says they are.
"""

from __future__ import annotations

import logging
import os

from ..faults import SHORTEST_KEY, FaultBaggageOptions

_LOGGER = logging.getLogger("meshlib")
_MOST = 2


def keys_of(options: FaultBaggageOptions) -> tuple[bytes, ...]:
    """
    The keys, the one that signs first; none where they are missing or too short.

    Without keys nothing that requests bring is accepted: an application must not fail
    because of what is for tests.
    """
    if options.keys:
        return tuple(key.get_secret_value().encode() for key in options.keys)
    if options.key_file is not None:
        place = options.key_file
        try:
            with open(place, "rb") as file:
                text = file.read()
        except OSError as exc:
            _LOGGER.warning("no fault of baggage is accepted: %s: %s", place, exc.strerror)
            return ()
    else:
        place = options.key_variable or ""
        text = (
            os.environb.get(place.encode(), b"")
            if os.supports_bytes_environ
            else (os.environ.get(place, "").encode())
        )
    keys = tuple(text.split())
    if not 1 <= len(keys) <= _MOST or min(map(len, keys)) < SHORTEST_KEY:
        _LOGGER.warning(
            "no fault of baggage is accepted: %s has to hold one key or two, each of %d bytes"
            " or more",
            place,
            SHORTEST_KEY,
        )
        return ()
    return keys
