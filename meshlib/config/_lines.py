"""
Where in a file something is said.

A place of the document, such as `services.users.timeout`, is looked for where it may stand:
in the overlay of the environment and then in the document itself, first under the service
and then under `defaults`, which is the order in which the one overrides the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .._problems import Location, Place, path_of
from ._said_toml import said_in_toml
from ._said_yaml import Said, said_in_yaml

_INDEX = re.compile(r"\[(\d+)\]\.?")
_OVERLAY = re.compile(r"environments\.")
_SERVICE = re.compile(r"services\.")
_IGNORE = re.compile(r"#\s*meshlib:\s*ignore\s+([A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)")


class Lines:
    """
    The lines of a file called *name* that holds *content*, a document that can be parsed.

    The suffix of *name* tells the format. JSON is read as YAML, which it is but for tabs.
    Of a document that YAML's composer does not take, and of keys that are not plain text,
    no line is known.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._text = content.decode("utf-8-sig", "replace")
        self._name = name

    def find(self, place: Place | str, environment: str = "") -> Location:
        """
        Where *place* is said, or else the nearest heading around it.

        *environment* names the overlay in force. The line is None when nothing is known.
        """
        path = place if isinstance(place, str) else path_of(place)
        best, left = None, len(path)
        for said, rest in self._candidates(path, environment):
            found, missing = _follow(said, rest)
            if not missing:
                return self._location(found)
            if len(missing) < left and found is not self._root:
                best, left = found, len(missing)
        return self._location(best)

    def ignored(self, location: Location | None) -> frozenset[str]:
        """The rules that a comment on the line, or alone on the one above, tells to be quiet."""
        if location is None or location.line is None:
            return frozenset()
        lines = self._text.split("\n")[max(location.line - 2, 0) : location.line]
        if len(lines) == 2 and not lines[0].lstrip().startswith("#"):
            del lines[0]  # a comment behind something else speaks of that
        found = [match for text in lines for match in _IGNORE.findall(text)]
        return frozenset(name.strip() for names in found for name in names.split(","))

    @cached_property
    def _root(self) -> Said:
        read = said_in_toml if Path(self._name).suffix.lower() == ".toml" else said_in_yaml
        return read(self._text)

    def _location(self, said: Said | None) -> Location:
        if said is None or said is self._root:
            return Location(self._name)
        before = self._text[: said.index]
        return Location(self._name, before.count("\n") + 1, said.index - before.rfind("\n"))

    def _candidates(self, path: str, environment: str) -> Iterator[tuple[Said, str]]:
        """Where to begin, and what to look for there, in order."""
        if match := _OVERLAY.match(path):
            heading = _follow(self._root, "environments")[0]
            step = _step(heading, path[match.end() :])
            if step is None:
                yield self._root, path
                return
            overlay, path = step
            starts = [overlay, self._root]
        else:
            overlay, missing = _follow(self._root, f"environments.{environment}")
            starts = [self._root] if missing or not environment else [overlay, self._root]
        starts = [start for start in starts if start.parts is not None]  # it may be empty
        for start in starts:
            yield start, path
        for start in starts if _SERVICE.match(path) else ():
            defaults, missing = _follow(start, "defaults")
            if not missing:
                yield defaults, self._within_service(path)

    def _within_service(self, path: str) -> str:
        """What *path* has after the name of the service, in which there may be dots."""
        rest = path.removeprefix("services.")
        step = _step(_follow(self._root, "services")[0], rest)
        return rest.partition(".")[2] if step is None else step[1]


def _follow(said: Said, rest: str) -> tuple[Said, str]:
    """The innermost part of *said* on the way to *rest*, and what is not found of that."""
    while rest:
        step = _step(said, rest)
        if step is None:
            break
        said, rest = step
    if said.parts is None:
        rest = ""  # a short form such as `retry: false` says it all
    return said, rest


def _step(said: Said, rest: str) -> tuple[Said, str] | None:
    parts = said.parts
    if isinstance(parts, list):
        if rest == "endpoints" or rest.startswith("endpoints["):
            rest = rest.removeprefix("endpoints")  # a service may be its list of endpoints
            return (said, "") if not rest else _step(said, rest)
        match = _INDEX.match(rest)
        if match is None or int(match[1]) >= len(parts):
            return None
        return parts[int(match[1])], rest[match.end() :]
    if parts is None:
        return None
    key = _key(parts, rest)
    if key is not None:
        return parts[key], rest[len(key) :].removeprefix(".")
    if len(parts) == 1:
        # Settings under a name, as `{ring_hash: {...}}`, which their place leaves out.
        (only,) = parts.values()
        if isinstance(only.parts, dict) and _key(only.parts, rest) is not None:
            return _step(only, rest)
    return None


def _key(parts: dict[str, Said], rest: str) -> str | None:
    """The key of *parts* that *rest* begins with; case does not tell services apart."""
    lowered = rest.lower()
    fitting = [
        key
        for key in parts
        if lowered == key.lower() or lowered.startswith((f"{key.lower()}.", f"{key.lower()}["))
    ]
    return max(fitting, key=lambda key: (len(key), rest.startswith(key)), default=None)
