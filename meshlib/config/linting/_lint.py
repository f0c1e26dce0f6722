"""
Every rule, asked about a configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..._exceptions import ConfigurationError
from ..._problems import path_of, problems_of
from .._lines import Lines
from .._load import load_config
from .._mesh import MeshConfig
from ._finding import Finding, Told
from ._rules import INVALID, RULES
from ._view import Document, View


def lint(
    config: str | os.PathLike[str] | Mapping[str, Any] | MeshConfig,
    *,
    rates: Mapping[str, float] | None = None,
    hops: int = 3,
    environ: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """
    What the rules find in *config*, which is anything that `load_config` takes.

    *rates* are calls per second by service, as observed; what depends on them is not judged
    where none is given. *hops* is how many services a call goes through one after the other,
    each with retries like these. What is invalid is found as well, as ML000, and nothing
    else then. A comment `# meshlib: ignore ML001` on the line, or alone on the line above,
    silences a rule there. *environ* replaces the environment of the process.

    In the order of the file; where there is none, of the document.
    """
    try:
        loaded = load_config(config, environ=environ)
    except ConfigurationError as exc:
        return tuple(_refused(exc))
    document = Document(loaded, dict(rates or {}), hops)
    origin = loaded.origin
    lines = Lines(origin.content, origin.name) if origin.content is not None else None
    found: dict[tuple[str, str, str], Finding] = {}
    for rule_name, severity, told in _told(document):
        path = path_of(told.place)
        location = None if lines is None else lines.find(told.place, document.environment)
        if lines is not None and rule_name in lines.ignored(location):
            continue
        finding = Finding(rule_name, severity, path, told.message, told.remedy, location)
        found.setdefault((rule_name, path, told.message), finding)
    return tuple(sorted(found.values(), key=_line))


def _told(document: Document) -> Iterator[tuple[str, Any, Told]]:
    calls, services = list(document.calls()), list(document.services())
    whole = [View(document, "", (), document.config.defaults, ())]
    views = {"calls": calls, "service": services, "document": whole}
    for rule in RULES:
        said: set[tuple[str, str]] = set()
        for view in views[rule.of]:
            for told in rule.check(view):
                # A route inherits what is wrong with its service, which was told then.
                if (view.name, told.message) not in said:
                    said.add((view.name, told.message))
                    yield rule.name, rule.severity, told


def _refused(error: ConfigurationError) -> Iterator[Finding]:
    for problem in problems_of(error):
        path = path_of(problem.place)
        yield Finding(INVALID, "error", path, problem.message, problem.hint, problem.location)


def _line(finding: Finding) -> int:
    location = finding.location
    return 0 if location is None or location.line is None else location.line
