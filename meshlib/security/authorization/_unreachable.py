"""
Rules that say nothing, because others say it already or nothing can be as they want it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ._options import AuthorizationOptions
from ._patterns import Pattern, covers_all
from ._rule import Rule


class Unreachable(NamedTuple):
    """The index of a *rule* that never decides, and why."""

    rule: int
    reason: str


def unreachable_rules(options: AuthorizationOptions) -> Iterator[Unreachable]:
    """
    The rules of *options* that can be taken away without a change of any decision.

    Finds those that one other rule covers; what only several together cover is not found.
    """
    rules = [Rule(each, ignore_case=options.ignore_case) for each in options.rules]
    for index, rule in enumerate(rules):
        reason = _impossible(rule) or _covered(rules, index)
        if not reason and rule.allows and options.default == "allow":
            reason = "what no rule denies is allowed by default"
        if reason:
            yield Unreachable(index, reason)


def _impossible(rule: Rule) -> str:
    if _excluded(rule.callers, rule.not_callers):
        return "not_callers takes away all of callers"
    if _excluded(rule.path, rule.not_path):
        return "not_path takes away all of path"
    if rule.methods is not None and set(rule.methods) <= set(rule.not_methods or ()):
        return "not_methods takes away all of methods"
    return ""


def _excluded(said: tuple[Pattern, ...] | None, less: tuple[Pattern, ...] | None) -> bool:
    return said is not None and less is not None and covers_all(less, said)


def _covered(rules: list[Rule], index: int) -> str:
    rule = rules[index]
    for number, other in enumerate(rules):
        if number == index or (other.shadow and not rule.shadow) or not _covers(other, rule):
            continue
        if not other.allows and rule.allows:
            return f"the rule {other.name!r} denies all that it allows"
        if other.allows is rule.allows and (number < index or not _covers(rule, other)):
            return f"the rule {other.name!r} takes all of its calls"
    return ""


def _covers(rule: Rule, other: Rule) -> bool:
    """Whether *rule* takes every call that *other* takes; False also where nobody can tell."""
    if rule.not_callers or rule.not_path or rule.not_methods or rule.headers:
        return _said(rule) == _said(other)
    return (
        _wider(rule.callers, other.callers)
        and _wider(rule.services, other.services)
        and _wider(rule.path, other.path)
        and (rule.methods is None or set(other.methods or ("",)) <= set(rule.methods))
    )


def _wider(own: tuple[Pattern, ...] | None, others: tuple[Pattern, ...] | None) -> bool:
    return own is None or (others is not None and covers_all(own, others))


def _said(rule: Rule) -> tuple[object, ...]:
    return tuple(
        getattr(rule, name) for name in Rule.__slots__ if name not in ("allows", "name", "shadow")
    )
