"""
A scenario: a document with parameters, and the plan that it becomes with their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._exceptions import ConfigurationError
from .._problems import Problem, error_of, nearest, problems_of
from ._options import ParameterOptions, PlanOptions

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Scenario:
    """
    A named trouble: what steady is, which faults come when, and what a run may choose.

    *document* is as `meshlib chaos show` writes it; *file* is what its mistakes are told
    of. `${name}` in a text stands for the parameter *name*: a text that is nothing else
    becomes its value, and a key whose value then is null counts as not said.

    Raises ConfigurationError, which names the place. Never changes.
    """

    def __init__(self, document: Mapping[str, Any], *, file: str = "") -> None:
        self.file = file
        self.document = dict(document)
        self._said = dict(document)
        declared = self._said.pop("parameters", None) or {}
        if not isinstance(declared, Mapping):
            raise self._wrong(ConfigurationError("settings are needed here", path="parameters"))
        self.parameters: dict[str, ParameterOptions] = {}
        for name, options in declared.items():
            try:
                self.parameters[name] = ParameterOptions.model_validate(options)
            except ConfigurationError as exc:
                raise self._wrong(exc, "parameters", name) from None
        plan = self.plan()
        self.name, self.description = plan.name, plan.description

    def values(self, chosen: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The value of each parameter, those that are *chosen* and the defaults of the rest."""
        values = {name: one.parse(one.default) for name, one in self.parameters.items()}
        for name, value in (chosen or {}).items():
            if name not in values:
                known = f"known are {', '.join(values)}" if values else "there are none"
                hint = nearest(name, values) or known
                error = ConfigurationError("there is no such parameter", hint=hint)
                raise self._wrong(error, "parameters", name)
            try:
                values[name] = self.parameters[name].parse(value)
            except ConfigurationError as exc:
                raise self._wrong(exc, "parameters", name) from None
        return values

    def plan(self, chosen: Mapping[str, Any] | None = None) -> PlanOptions:
        """What a run with the *chosen* parameters does."""
        problems: list[Problem] = []
        filled = _filled(self._said, self.values(chosen), problems, ())
        if problems:
            raise self._wrong(error_of(problems))
        try:
            return PlanOptions.model_validate(filled)
        except ConfigurationError as exc:
            raise self._wrong(exc) from None

    def _wrong(self, error: ConfigurationError, *place: str) -> ConfigurationError:
        found = list(problems_of(error, place))
        wrong = error_of(found)
        return ConfigurationError(f"{self.file}: {wrong}") if self.file else wrong

    def __repr__(self) -> str:
        return f"<Scenario {self.name!r}: {', '.join(self.parameters) or 'no parameters'}>"


def _filled(
    tree: Any, values: Mapping[str, Any], problems: list[Problem], place: tuple[str | int, ...]
) -> Any:
    """*tree* with *values* in place of the references to them."""
    if isinstance(tree, str):
        return _text(tree, values, problems, place)
    if isinstance(tree, Mapping):
        parts = {key: _filled(part, values, problems, (*place, key)) for key, part in tree.items()}
        # What a parameter leaves out was not said; a null that was written stays.
        return {key: part for key, part in parts.items() if part is not None or tree[key] is None}
    if isinstance(tree, list | tuple):
        return [_filled(part, values, problems, (*place, n)) for n, part in enumerate(tree)]
    return tree


def _text(
    text: str, values: Mapping[str, Any], problems: list[Problem], place: tuple[str | int, ...]
) -> Any:
    for name in _REFERENCE.findall(text):
        if name not in values:
            known = f"known are {', '.join(values)}" if values else "there are none"
            hint = nearest(name, values) or known
            problems.append(Problem(place, f"there is no parameter {name!r}", hint))
            return text
    whole = _REFERENCE.fullmatch(text)
    if whole:
        return values[whole[1]]
    return _REFERENCE.sub(lambda match: str(values[match[1]]), text)
