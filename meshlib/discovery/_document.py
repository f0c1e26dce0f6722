"""
Files that people write: YAML, JSON and TOML, read strictly.

A key that stands twice is an error in all three, since one of them would be lost.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from .._exceptions import ConfigurationError
from .._problems import Location, Problem, error_of

_NUMBER = re.compile(r"\d+")
_MERGE = "tag:yaml.org,2002:merge"


def read_content(path: str | os.PathLike[str]) -> bytes:
    """What the file at *path* holds; raises ConfigurationError, naming it, if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise unreadable(path, exc) from None


def parse_document(content: bytes, name: str, *, default: str = "") -> dict[str, Any]:
    """
    The mapping in *content*, that of a file called *name*, whose suffix tells the format.

    *default* is the suffix, such as `.yaml`, that counts where *name* has none that is known.

    Raises ConfigurationError, naming the file and the line, when there is none.
    """
    parse = _parser(name, default)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{name}: not UTF-8 at byte {exc.start}") from None
    if not text.strip():
        raise ConfigurationError(f"{name}: the file is empty", hint="write {} for nothing")
    document = parse(text, name)
    if document is None:
        raise ConfigurationError(f"{name}: the file is empty", hint="write {} for nothing")
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"{name}: a mapping is needed, not {type(document).__name__}")
    return dict(document)


def unreadable(path: str | os.PathLike[str], error: OSError) -> ConfigurationError:
    """The error for a file that cannot be read."""
    file = Path(path)
    if not isinstance(error, FileNotFoundError):
        return ConfigurationError(f"{file}: {error.strerror or error}")
    try:
        siblings = [entry.name for entry in file.parent.iterdir()]
    except OSError:
        return ConfigurationError(f"{file}: no such file", hint=f"nor a directory {file.parent}")
    near = get_close_matches(file.name, siblings, n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(f"{file}: no such file", hint=hint)


def _parser(name: str, default: str) -> Callable[[str, str], Any]:
    suffix = Path(name).suffix.lower()
    try:
        return _PARSERS.get(suffix) or _PARSERS[default]
    except KeyError:
        raise ConfigurationError(
            f"{name}: cannot tell the format by the suffix {suffix!r}",
            hint=f"a document ends in {', '.join(_PARSERS)}",
        ) from None


class _Loader(yaml.SafeLoader):
    """The safe loader of YAML, which also refuses what it would drop."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # Merging `<<` puts the merged keys beside the node's own, which may replace them:
        # only before that is a key that stands twice a mistake.
        if id(node) not in self._checked:
            self._checked.add(id(node))
            self._check(node)
        super().flatten_mapping(node)

    def _check(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            problem = ""
            if not isinstance(key, str):
                problem = f"the key {key!r} is not text; put it in quotes"
            elif key in seen:
                problem = f"the key {key!r} stands here twice"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)


def _yaml(text: str, name: str) -> Any:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        # Every error that is marked has a place, though the type does not say so.
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _at(name, line, column, str(exc.problem or exc.context)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{name}: {exc}") from None


def _json(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(pairs)
        if len(document) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for n, key in enumerate(keys) if key in keys[:n])
            raise ConfigurationError(f"{name}: the key {twice!r} stands twice in one object")
        return document

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as exc:
        raise _at(name, exc.lineno, exc.colno, exc.msg) from None


def _toml(text: str, name: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        # tomllib has the place in its message alone, until Python 3.14.
        message, _, place = str(exc).rpartition(" (at ")
        numbers = [int(number) for number in _NUMBER.findall(place)]
        if len(numbers) != 2:  # the end of the document
            numbers = [text.count("\n") + 1, len(text) - text.rfind("\n")]
        raise _at(name, numbers[0], numbers[1], message or str(exc)) from None


def _at(name: str, line: int, column: int, message: str) -> ConfigurationError:
    location = Location(name, line, column)
    return error_of([Problem((), f"{message}, at column {column}", location=location)])


_PARSERS: dict[str, Callable[[str, str], Any]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
    ".toml": _toml,
}
