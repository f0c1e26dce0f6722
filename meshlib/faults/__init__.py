"""
What is broken on purpose: attempts that are held back, answers the endpoint never gave, and
responses that come slowly, in part, or wrong.

A *rule* says what it matches, when it acts, and what it delays, aborts or alters. An
*injector* holds the rules of a mesh and can change them while it runs. A *plan* holds those
that concern one service and decides, per attempt or per call, on a *fault*: a value that
says how long to wait, what to answer and what to do to a response. Whoever asked carries it
out and then releases it. An *injection* is the record of one thing that was done.

Delay, abort and response are drawn independently, as in Envoy: 20 % and 5 % touch 24 % of
the attempts. A seed makes the draws of a rule repeatable, in whatever order calls come.
"""

from __future__ import annotations

from ._abort_options import ERROR_NAMES, AbortFault, ErrorName
from ._baggage import MEMBER as FAULT_BAGGAGE
from ._baggage import SHORTEST_KEY, add_token, sign_baggage
from ._control_options import FaultBaggageOptions, FaultControlOptions
from ._corrupt import corrupt, corrupt_bytes
from ._delay_options import DelayFault, LognormalDelay, NormalDelay, RelativeDelay
from ._fault import Fault, Phase, When
from ._injection import Injection, Kind
from ._injector import FaultInjector
from ._match_options import FaultMatch, TextMatch
from ._options import FaultRule
from ._orders import Orders
from ._pattern_options import QuotaFault, ScheduleWindow, SequenceFault
from ._permission import why_forbidden
from ._plan import FaultPlan
from ._response import Corruption, ResponseEffects
from ._response_options import CorruptFault, FieldFault, HeaderFault, ResponseFault
from ._rule import Rule

__all__ = [
    "ERROR_NAMES",
    "FAULT_BAGGAGE",
    "SHORTEST_KEY",
    "AbortFault",
    "CorruptFault",
    "Corruption",
    "DelayFault",
    "ErrorName",
    "Fault",
    "FaultBaggageOptions",
    "FaultControlOptions",
    "FaultInjector",
    "FaultMatch",
    "FaultPlan",
    "FaultRule",
    "FieldFault",
    "HeaderFault",
    "Injection",
    "Kind",
    "LognormalDelay",
    "NormalDelay",
    "Orders",
    "Phase",
    "QuotaFault",
    "RelativeDelay",
    "ResponseEffects",
    "ResponseFault",
    "Rule",
    "ScheduleWindow",
    "SequenceFault",
    "TextMatch",
    "When",
    "add_token",
    "corrupt",
    "corrupt_bytes",
    "sign_baggage",
    "why_forbidden",
]
