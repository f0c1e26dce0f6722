"""
Who may call whom: rules of caller × service × method × path, which make one decision.

A `Policy` is made of `AuthorizationOptions` and decides as Istio's AuthorizationPolicy
does: a deny rule that matches refuses, else an allow rule that matches allows, else the
default holds. It knows no request and no certificate, only texts; the same one is asked by
a client before it sends and by a server before it serves. A path that can be read in
several ways is refused, because whoever serves it may read it otherwise than the rules.
"""

from ._options import AuthorizationOptions, RuleOptions
from ._paths import Readings, read_path
from ._policy import Decision, Policy, Verdict
from ._unreachable import Unreachable, unreachable_rules

__all__ = [
    "AuthorizationOptions",
    "Decision",
    "Policy",
    "Readings",
    "RuleOptions",
    "Unreachable",
    "Verdict",
    "read_path",
    "unreachable_rules",
]
