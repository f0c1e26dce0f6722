"""
Faults that break what they should not, or nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..._problems import Place
from ...faults import FaultRule, why_forbidden
from .._mesh import MeshConfig
from ._finding import Told
from ._view import View

_PRODUCTION = frozenset({"live", "prd", "prod", "production"})
"""Environments where nothing is broken on purpose without somebody who looks on."""


def faults_in_production(view: View) -> Iterator[Told]:
    """Faults that are injected where users are."""
    document = view.document
    config, here = document.config, document.environment
    if here.lower() not in _PRODUCTION:
        return
    if why_forbidden(config.fault_control.environments, here):
        return
    for place, rule in _rules(config):
        share = _share(rule)
        if share:
            yield Told(
                place,
                f"the rule {rule.name!r} breaks {share:g} % of what it matches, and the"
                f" environment is {here!r}",
                f"environments: {{{here}: {{faults: []}}}}, or fault_control: {{environments:"
                " [development, ci]}",
            )


def faults_anywhere(view: View) -> Iterator[Told]:
    """Faults that act in whatever environment the document is used."""
    config = view.document.config
    rules = [place for place, rule in _rules(config) if _share(rule)]
    if config.fault_control.environments is None and rules:
        yield Told(
            rules[0],
            f"no environments are listed: {len(rules)} fault rule{'s' * (len(rules) > 1)} act"
            f"{'s' * (len(rules) == 1)} wherever this document is used",
            "fault_control: {environments: [development, ci]}",
        )


def headers_nowhere(view: View) -> Iterator[Told]:
    """Rules for the headers of requests, which are heeded only where that is listed."""
    config = view.document.config
    if config.fault_control.environments is not None:
        return
    for place, rule in _rules(config):
        for part in ("delay", "abort", "response"):
            options = getattr(rule, part)
            if rule.enabled and options is not None and options.header:
                yield Told(
                    (*place, part, "header"),
                    "requests may ask for faults only where that is listed, and no environments"
                    " are: the rule does nothing",
                    "fault_control: {environments: [development, ci]}",
                )


def no_kill_switch(view: View) -> Iterator[Told]:
    """Faults that may run in production, and that nobody outside of the process can stop."""
    control = view.document.config.fault_control
    live = [name for name in control.environments or () if name.lower() in _PRODUCTION]
    if live and control.kill_file is None and control.kill_signal is None:
        yield Told(
            ("fault_control", "environments"),
            f"faults may run in {live[0]!r}, and neither kill_file nor kill_signal stops them"
            " there",
            "fault_control: {kill_file: /run/meshlib/no-faults}",
        )


def _rules(config: MeshConfig) -> Iterator[tuple[Place, FaultRule]]:
    """Rules for calls and those for requests that are served, with where they stand."""
    for number, rule in enumerate(config.faults):
        yield ("faults", number), rule
    for number, rule in enumerate(config.inbound.faults):
        yield ("inbound", "faults", number), rule


def _share(rule: FaultRule) -> float:
    """The percentage of what *rule* matches that it breaks, at most."""
    if not rule.enabled:
        return 0.0
    parts = [part for part in (rule.delay, rule.abort, rule.response) if part is not None]
    whole = rule.quota is not None or rule.sequence is not None
    largest = max((part.percentage for part in parts), default=100.0 if whole else 0.0)
    return largest * rule.percentage / 100.0
