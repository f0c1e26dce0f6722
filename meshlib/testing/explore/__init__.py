"""
Which faults to try in a test, and what is known without trying.

An *exploration* runs a test once without faults and learns which *call sites* it reaches: who
calls whom, for what, from where in the code. It then plans runs, each with one or more
*injections*, a *fault kind* at a call site; what a run reaches that no run before it did is
broken in its turn. From what each service did in a run, its *behaviour*, runs are foretold;
those whose end is known are not made. A failing run becomes a *replay*, and all of them
together give the *coverage*: which edges were broken in which way.

The method is that of Filibuster (Meiklejohn et al., "Service-Level Fault Injection
Testing", SoCC 2021). Nothing here knows pytest, runs anything or waits.
"""

from __future__ import annotations

from ._behaviour import Behaviour, Behaviours
from ._coverage import ResilienceCoverage
from ._exploration import Exploration
from ._kind import DEFAULT_KINDS, FaultKind, Faults
from ._plan import Injection, Plan
from ._replay import Replay
from ._site import CallSite, SiteIndex, template

__all__ = [
    "DEFAULT_KINDS",
    "Behaviour",
    "Behaviours",
    "CallSite",
    "Exploration",
    "FaultKind",
    "Faults",
    "Injection",
    "Plan",
    "Replay",
    "ResilienceCoverage",
    "SiteIndex",
    "template",
]
