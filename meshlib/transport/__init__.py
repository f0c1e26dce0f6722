"""
The request path: from an httpx request to the endpoint that answers it, and back.

A `Service` holds the state of one logical destination, a `Call` makes every decision of
one logical request, and a driver (`Driver`, `AsyncDriver`) carries the decisions out over
a wire: connections of our own, or any httpx transport.
"""

from ._async import AsyncDriver
from ._cache import ResponseCache
from ._call import Call
from ._foreign import AsyncForeignWire, ForeignWire
from ._headers import request_of, triples_of
from ._lane import Lane
from ._mirror_tap import Copied
from ._pickable import LevelsOf
from ._plan import explain
from ._policies import KeySource, Policies
from ._routed import Routed
from ._router import Router
from ._schemes import HTTP_SCHEMES, refusal
from ._sdk import HTTPX, Sdk, replayable
from ._service import Service
from ._sync import Driver
from ._target import Target
from ._view import View, ViewOptions
from ._wire_async import AsyncWire
from ._wire_options import WIRE_OPTION_NAMES, WireOptions
from ._wire_sync import Wire

__all__ = [
    "HTTPX",
    "HTTP_SCHEMES",
    "WIRE_OPTION_NAMES",
    "AsyncDriver",
    "AsyncForeignWire",
    "AsyncWire",
    "Call",
    "Copied",
    "Driver",
    "ForeignWire",
    "KeySource",
    "Lane",
    "LevelsOf",
    "Policies",
    "ResponseCache",
    "Routed",
    "Router",
    "Sdk",
    "Service",
    "Target",
    "View",
    "ViewOptions",
    "Wire",
    "WireOptions",
    "explain",
    "refusal",
    "replayable",
    "request_of",
    "triples_of",
]
