"""
The values of a compose file, each with its place.

PyYAML follows YAML 1.1, by which the unquoted port `22:22` is the number 1342 and the
label `on` is true. Compose follows YAML 1.2, so here a plain scalar is a text until
somebody asks for more.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, cast

import yaml

from ...._exceptions import ConfigurationError
from ._variables import Lookup, VariableError, substitute

_TEXT, _NULL, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
_NOTHING = ("", "~", "null", "Null", "NULL")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(?:0[xob][0-9A-Fa-f]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")


_EXPONENT = 6
"""Go writes an exponent from 1e+06 on: https://pkg.go.dev/fmt says so of %v."""


class _Loader(yaml.SafeLoader):
    """Resolves nothing but `<<`."""

    yaml_implicit_resolvers = {"<": [(_MERGE, re.compile(r"<<$"))]}


class Value:
    """
    A node of the file *file*, at *path* in the document; variables come from *lookup*.

    What is asked for and is not there is a ConfigurationError that names file, line and path.
    """

    __slots__ = ("_file", "_line", "_lookup", "_node", "path")

    def __init__(
        self, node: yaml.Node, file: str, path: str, lookup: Lookup, line: int | None = None
    ) -> None:
        self._node = node
        self._line = node.start_mark.line if line is None else line
        self._file = file
        self._lookup = lookup
        self.path = path

    @property
    def resets(self) -> bool:
        """Whether it is marked by `!reset`: nothing of it and of what it overrides remains."""
        return bool(self._node.tag == "!reset")

    @property
    def overrides(self) -> bool:
        """Whether it is marked by `!override`: it is not merged, but replaces."""
        return bool(self._node.tag == "!override")

    @property
    def is_null(self) -> bool:
        """Whether nothing is said."""
        node = self._node
        if not isinstance(node, yaml.ScalarNode) or node.tag == "!override":
            return False
        return node.tag == _NULL or (node.style is None and node.value in _NOTHING)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it has items."""
        return isinstance(self._node, yaml.SequenceNode)

    def mapping(self) -> dict[str, Value]:
        """Its values by their keys; nothing is an empty mapping."""
        if self.is_null:
            return {}
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("a mapping is needed")
        start = f"{self.path}." if self.path else ""
        return {
            key: Value(node, self._file, f"{start}{key}", self._lookup, line)
            for key, node, line in self._node.value
        }

    def items(self) -> list[Value]:
        """Its items; nothing is an empty list."""
        if self.is_null:
            return []
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("a list is needed")
        return [
            Value(node, self._file, f"{self.path}[{number}]", self._lookup)
            for number, node in enumerate(self._node.value)
        ]

    def text(self) -> str:
        """Its text, with the variables in it replaced."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.error("a text is needed")
        try:
            return substitute(self._node.value, self._lookup)
        except VariableError as exc:
            raise self.error(str(exc)) from None

    def scalar(self) -> str:
        """Its text as Compose writes it, which reads numbers and truths before."""
        text = "" if self.is_null else self.text()
        if not isinstance(self._node, yaml.ScalarNode) or self._node.style is not None:
            return text
        return _written(text)

    def number(self) -> int:
        """Its number, which is whole and not negative."""
        text = self.text()
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise self.error(f"a whole number is needed, not {text!r}")
        return int(text)

    @property
    def place(self) -> str:
        """The file, the line, and where in the document."""
        place = f"{self._file}, line {self._line + 1}"
        return f"{place}: {self.path}" if self.path else place

    def error(self, problem: str, hint: str = "") -> ConfigurationError:
        """The error for *problem* at this place."""
        return ConfigurationError(problem, path=self.place, hint=hint)


def _written(text: str) -> str:
    """The plain scalar *text* as Go writes what YAML makes of it: 1.10 is 1.1, and 010 is 8."""
    if text in _TRUTHS:
        return "true" if _TRUTHS[text] else "false"
    try:
        if _INTEGER.fullmatch(text):
            digits = text.lstrip("+-")
            octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
            return str(int(text, 8 if octal else 0))
        if not _FLOAT.fullmatch(text) or math.isinf(float(text)):
            return text
    except ValueError:
        return text  # such as 09, or one of more digits than Python converts
    number = Decimal(repr(float(text)))
    if number and not -4 <= number.adjusted() < _EXPONENT:
        digits, _, exponent = f"{number.normalize():e}".partition("e")
        return f"{digits}e{exponent[0]}{exponent[1:]:0>2}"
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def parse_values(content: bytes, file: str, lookup: Lookup) -> list[Value]:
    """
    The documents in *content*, that of *file*; there may be several.

    Raises ConfigurationError, with file and line.
    """
    try:
        loader = _Loader(content)
        try:
            nodes: list[yaml.Node] = []
            while loader.check_node():
                nodes.append(cast("yaml.Node", loader.get_node()))
                _flatten(loader, nodes[-1])
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{file}{where}: {exc.problem or exc.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{file}: {exc}") from None
    return [Value(node, file, "", lookup) for node in nodes]


def _flatten(loader: _Loader, root: yaml.Node) -> None:
    """Give every mapping its keys as texts, with what it merges by `<<`; each node once."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    mappings: list[yaml.MappingNode] = []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            mappings.append(node)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    for node in mappings:
        loader.flatten_mapping(node)
    for node in mappings:
        # The last one wins, so a mapping's own keys win over merged ones, which come first.
        node.value = list({key.value: _entry(key, value) for key, value in node.value}.values())


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag == _MERGE:
            continue
        problem = ""
        if not isinstance(key, yaml.ScalarNode):
            problem = "a key is a text"
        elif key.value in seen:
            problem = f"the key {key.value!r} stands here twice"
        if problem:
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        seen.add(key.value)


def _entry(key: yaml.Node, value: yaml.Node) -> tuple[str, yaml.Node, int]:
    return key.value, value, key.start_mark.line
