"""
Rules of who may call whom that decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...security.authorization import unreachable_rules
from ._finding import Told
from ._view import View


def rule_without_effect(view: View) -> Iterator[Told]:
    """A rule without which every decision would be the same."""
    config = view.document.config
    policies = {
        "inbound": config.inbound.authorization,
        "outbound": config.outbound.authorization,
    }
    for section, policy in policies.items():
        if policy is None:
            continue
        for found in unreachable_rules(policy):
            rule = policy.rules[found.rule]
            yield Told(
                (section, "authorization", "rules", found.rule),
                f"the rule {rule.name!r} never decides: {found.reason}",
                "delete it, or narrow the other one",
            )
