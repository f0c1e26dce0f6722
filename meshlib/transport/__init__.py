"""
The request path: from an httpx request to the endpoint that answers it, and back.

A `Service` holds the state of one logical destination, a `Call` makes every decision of
one logical request, and a driver (`Driver`, `AsyncDriver`) carries the decisions out over
a wire: connections of our own, or any httpx transport.
"""

from typing import TYPE_CHECKING

from .._public import lazily

if TYPE_CHECKING:
    from ._async import AsyncDriver
    from ._cache import ResponseCache
    from ._call import Call
    from ._foreign import AsyncForeignWire, ForeignWire
    from ._headers import host_of, request_maker, triples_of
    from ._lane import Lane
    from ._load_reports import read_report
    from ._mirror_tap import Copied
    from ._multiplexed_wire import MultiplexedWire
    from ._pickable import LevelsOf
    from ._plan import explain
    from ._policies import KeySource, Policies
    from ._routed import Routed
    from ._router import Router
    from ._schemes import HTTP_SCHEMES, refusal
    from ._sdk import BYTE_STREAMS, ERRORS, HTTPX, OWN, Sdk, Timeouts, replayable, sdk_of
    from ._service import Service
    from ._stalls import Stalls
    from ._sync import Driver
    from ._target import Target
    from ._view import View, ViewOptions
    from ._wire_async import AsyncWire
    from ._wire_options import WIRE_OPTION_NAMES, WireOptions, proxy_of
    from ._wire_sync import Wire
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._async": "AsyncDriver",
            "._cache": "ResponseCache",
            "._call": "Call",
            "._foreign": "AsyncForeignWire ForeignWire",
            "._headers": "host_of request_maker triples_of",
            "._lane": "Lane",
            "._load_reports": "read_report",
            "._mirror_tap": "Copied",
            "._multiplexed_wire": "MultiplexedWire",
            "._pickable": "LevelsOf",
            "._plan": "explain",
            "._policies": "KeySource Policies",
            "._routed": "Routed",
            "._router": "Router",
            "._schemes": "HTTP_SCHEMES refusal",
            "._sdk": "BYTE_STREAMS ERRORS HTTPX OWN Sdk Timeouts replayable sdk_of",
            "._service": "Service",
            "._stalls": "Stalls",
            "._sync": "Driver",
            "._target": "Target",
            "._view": "View ViewOptions",
            "._wire_async": "AsyncWire",
            "._wire_options": "WIRE_OPTION_NAMES WireOptions proxy_of",
            "._wire_sync": "Wire",
        },
    )

__all__ = [
    "BYTE_STREAMS",
    "ERRORS",
    "HTTPX",
    "HTTP_SCHEMES",
    "OWN",
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
    "MultiplexedWire",
    "Policies",
    "ResponseCache",
    "Routed",
    "Router",
    "Sdk",
    "Service",
    "Stalls",
    "Target",
    "Timeouts",
    "View",
    "ViewOptions",
    "Wire",
    "WireOptions",
    "explain",
    "host_of",
    "proxy_of",
    "read_report",
    "refusal",
    "replayable",
    "request_maker",
    "sdk_of",
    "triples_of",
]
