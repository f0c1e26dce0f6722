"""
The server's half: what decides about requests that this process serves.

An `Arrival` decides, a middleware does. An `Inbound` looks at the `Head` of a request and
gives an `Arrival`: a `Refusal` to answer at once, or what the application is to run with,
that is the deadline of its caller, the `ServedRequest` that calls made meanwhile carry on,
and a fault to inject. Nothing here performs I/O, sleeps or reads the wall clock.

Headers come from anybody. Reading one never fails and never grants: from a peer that is
not trusted it can only make things stricter.
"""

from __future__ import annotations

from .._context import Priority, ServedRequest, served_request
from ._arrival import Arrival
from ._deadline_options import InboundDeadlineOptions
from ._fault import ArrivalFault
from ._head import Head
from ._inbound import Inbound
from ._metrics import InboundMetrics
from ._options import InboundOptions
from ._parts import Parts
from ._refusal import Refusal
from ._trust_options import InboundTrustOptions

__all__ = [
    "Arrival",
    "ArrivalFault",
    "Head",
    "Inbound",
    "InboundDeadlineOptions",
    "InboundMetrics",
    "InboundOptions",
    "InboundTrustOptions",
    "Parts",
    "Priority",
    "Refusal",
    "ServedRequest",
    "served_request",
]
