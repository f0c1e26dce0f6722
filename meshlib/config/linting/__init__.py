"""
What is valid and yet will not do what was meant.

A *rule* looks at the settings in force of one service, or of one route where that says
otherwise, or at the whole document, and tells of settings that cannot both have their way,
or can never have an effect. Each *finding* names the place, the figures, and a remedy. A
rule says nothing where it would have to guess: of a service whose endpoints are discovered,
or whose rate of calls nobody told, it does not judge what depends on those.
"""

from __future__ import annotations

from ._finding import Finding, Rule, Severity
from ._lint import lint
from ._rules import RULES

__all__ = ["RULES", "Finding", "Rule", "Severity", "lint"]
