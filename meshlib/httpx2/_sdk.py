"""
httpx2 and httpcore2, as the core of meshlib knows libraries.
"""

from __future__ import annotations

import httpcore2
import httpx2
import httpx2._client  # its states and its mark for "not given" have no public names

from .._shortcuts import library_of
from ..transport import OWN, sdk_of
from ._errors import ConnectRefusedError, ReadRefusedError, kind_of

HTTPX2 = sdk_of(httpx2, httpcore2, ConnectRefusedError, ReadRefusedError)
HTTPX2_CLIENT = library_of(httpx2, httpx2._client)

OWN[httpx2.Request] = kind_of
