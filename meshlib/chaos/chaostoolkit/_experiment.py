"""
Experiments of Chaos Toolkit, loaded and run without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from ..._exceptions import ConfigurationError
from ...discovery import parse_document, read_content
from .._course import Verdict
from .._waiting import Sleep, real_sleep
from ._journal import verdict_of, within
from ._options import Activity, Experiment
from ._providers import carry_out


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """What an experiment has shown; *journal* has the form of Chaos Toolkit's."""

    title: str
    verdict: Verdict
    reasons: tuple[str, ...]
    journal: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """All of it, of what JSON has."""
        return {
            "title": self.title,
            "verdict": str(self.verdict),
            "reasons": list(self.reasons),
            "journal": dict(self.journal),
        }

    def __str__(self) -> str:
        return "\n".join([f"{self.title}: {self.verdict}", *(f"  {one}" for one in self.reasons)])


def load_experiment(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
) -> Experiment:
    """
    The experiment in a JSON or YAML file, or in a mapping, with its configuration filled in.

    Understood are the providers python, http and process; tolerances that are values, a
    range or a regex; pauses; a configuration of values and of environment variables. All
    else is an error: controls, secrets, extensions, references, background activities,
    JSON paths. Raises ConfigurationError, which names the file and the place.
    """
    if isinstance(source, Mapping):
        return _filled(dict(source), os.environ if environ is None else environ)
    file = os.fspath(source)
    try:
        document = parse_document(read_content(file), file)
        return _filled(document, os.environ if environ is None else environ)
    except ConfigurationError as exc:
        said = str(exc)
        raise ConfigurationError(said if file in said else f"{file}: {said}") from None


def is_experiment(source: str) -> bool:
    """Whether *source* is a file that holds an experiment rather than a scenario."""
    if Path(source).suffix.lower() not in (".json", ".yaml", ".yml") or not Path(source).is_file():
        return False
    document = parse_document(read_content(source), source)
    return "title" in document and "method" in document and "name" not in document


def run_experiment(
    source: str | os.PathLike[str] | Mapping[str, Any] | Experiment,
    *,
    environ: Mapping[str, str] | None = None,
    sleep: Sleep = real_sleep,
) -> ExperimentReport:
    """
    Run an experiment in this process, and say what it has shown. Blocks.

    The rollbacks are carried out whatever happens, which Chaos Toolkit does only when it
    is told to. An experiment runs the code and the programs that it names.
    """
    if not isinstance(source, Experiment):
        source = load_experiment(source, environ=environ)
    journal = _Journal(source, sleep).run()
    return ExperimentReport(source.title, *verdict_of(journal), journal)


class _Journal:
    """An experiment on its way."""

    def __init__(self, experiment: Experiment, sleep: Sleep) -> None:
        self._experiment = experiment
        self._sleep = sleep
        self._steady: dict[str, Any] = {"before": None, "after": None, "during": []}
        self._runs: list[dict[str, Any]] = []
        self._rollbacks: list[dict[str, Any]] = []

    def run(self) -> dict[str, Any]:
        """The journal, when it is over."""
        try:
            self._steady["before"] = before = self._holds()
            if before is None or before["steady_state_met"]:
                self._all(self._experiment.method, self._runs)
                self._steady["after"] = self._holds()
        finally:
            self._all(self._experiment.rollbacks, self._rollbacks)
        after = self._steady["after"]
        return {
            "status": "completed",
            "deviated": after is not None and not after["steady_state_met"],
            "steady_states": self._steady,
            "run": self._runs,
            "rollbacks": self._rollbacks,
        }

    def _holds(self) -> dict[str, Any] | None:
        hypothesis = self._experiment.hypothesis
        if hypothesis is None:
            return None
        probes: list[dict[str, Any]] = []
        for probe in hypothesis.probes:
            run = self._one(probe)
            met = run["status"] == "succeeded" and within(probe.tolerance, run["output"])
            probes.append({**run, "tolerance_met": met})
            if not met:
                return {"steady_state_met": False, "probes": probes}
        return {"steady_state_met": True, "probes": probes}

    def _all(self, activities: Sequence[Activity], runs: list[dict[str, Any]]) -> None:
        runs.extend(map(self._one, activities))

    def _one(self, activity: Activity) -> dict[str, Any]:
        self._pause(activity.pauses.before)
        run: dict[str, Any] = {
            "activity": activity.model_dump(exclude_none=True),
            "status": "succeeded",
            "output": None,
        }
        try:
            run["output"] = carry_out(activity.provider)
        except Exception as exc:
            run |= {"status": "failed", "exception": [f"{type(exc).__name__}: {exc}"]}
        self._pause(activity.pauses.after)
        return run

    def _pause(self, seconds: float) -> None:
        if seconds:
            self._sleep(seconds)


def _filled(document: dict[str, Any], environ: Mapping[str, str]) -> Experiment:
    said = document.get("configuration") or {}
    if not isinstance(said, Mapping):
        raise ConfigurationError("settings are needed here", path="configuration")
    values = {name: _value(name, value, environ) for name, value in said.items()}
    rest = {key: _with(part, values) for key, part in document.items() if key != "configuration"}
    return Experiment.model_validate({**rest, "configuration": values})


def _value(name: str, said: Any, environ: Mapping[str, str]) -> Any:
    """The value of one entry of the configuration."""
    if not isinstance(said, Mapping) or "type" not in said:
        return said
    path = f"configuration.{name}"
    if said["type"] != "env" or "key" not in said:
        raise ConfigurationError("known is {type: env, key: ...}", path=path)
    if said["key"] not in environ:
        if "default" not in said:
            raise ConfigurationError(f"the variable {said['key']} is not set", path=path)
        return said["default"]
    kind = said.get("env_var_type", "str")
    try:
        return _KINDS[kind](environ[said["key"]])
    except (KeyError, ValueError):
        raise ConfigurationError(f"{said['key']} cannot be read as {kind}", path=path) from None


_KINDS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bytes": str.encode,
}


def _with(tree: Any, values: Mapping[str, Any]) -> Any:
    """*tree* with values in place of `${name}`; a name that is not known stays."""
    if isinstance(tree, str):
        if tree.startswith("${") and tree.endswith("}") and tree[2:-1] in values:
            return values[tree[2:-1]]
        return Template(tree).safe_substitute(values)
    if isinstance(tree, Mapping):
        return {key: _with(part, values) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_with(part, values) for part in tree]
    return tree
