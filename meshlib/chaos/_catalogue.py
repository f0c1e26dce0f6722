"""
The scenarios that come with meshlib, and those of files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .._exceptions import ConfigurationError
from .._problems import nearest
from ..discovery import parse_document, read_content
from ._scenario import Scenario

_SUFFIXES = (".yaml", ".yml", ".json", ".toml")


@cache
def scenario_names() -> tuple[str, ...]:
    """The names of the scenarios that come with meshlib, sorted."""
    found = (Path(one.name) for one in files(__package__).joinpath("catalogue").iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".yaml"))


def scenario_text(name: str) -> str:
    """The document of a scenario that comes with meshlib, as somebody would write it."""
    if name not in scenario_names():
        hint = nearest(name, scenario_names()) or f"there are {', '.join(scenario_names())}"
        raise ConfigurationError(f"there is no scenario {name!r}", hint=hint)
    file = files(__package__).joinpath("catalogue", f"{name}.yaml")
    return file.read_text(encoding="utf-8")


def load_scenario(source: str | os.PathLike[str] | Mapping[str, Any] | Scenario) -> Scenario:
    """
    The scenario that *source* names or is.

    A name out of `scenario_names`, the path of a YAML, JSON or TOML file, or a document as
    a mapping. Raises ConfigurationError, which names the file and the place in it.
    """
    if isinstance(source, Scenario):
        return source
    if isinstance(source, Mapping):
        return Scenario(source)
    text = os.fspath(source)
    if text.endswith(_SUFFIXES):
        return Scenario(parse_document(read_content(text), text), file=text)
    content = scenario_text(text).encode()
    return Scenario(parse_document(content, f"{text}.yaml"), file=f"{text}.yaml")
