"""
What is broken on purpose: attempts that are held back, and answers the endpoint never gave.

A *rule* says what it matches and how often it delays or aborts. An *injector* holds the
rules of a mesh and can change them while it runs. A *plan* holds those that concern one
service and decides, per attempt or per call, on a *fault*: a value that says how long to
wait and what to answer. Whoever asked carries it out and then releases it.

Delay and abort are drawn independently, as in Envoy: 20 % and 5 % touch 24 % of the
attempts. A seed makes the draws of a rule repeatable.
"""

from __future__ import annotations

from ._fault import Fault, Phase
from ._injector import FaultInjector
from ._options import AbortFault, DelayFault, FaultMatch, FaultRule, LognormalDelay, TextMatch
from ._plan import FaultPlan

__all__ = [
    "AbortFault",
    "DelayFault",
    "Fault",
    "FaultInjector",
    "FaultMatch",
    "FaultPlan",
    "FaultRule",
    "LognormalDelay",
    "Phase",
    "TextMatch",
]
