"""
The services of a project, from all of its files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...._exceptions import ConfigurationError
from ..._document import unreadable
from ..._file_watcher import Content
from ._environment import parse_environment
from ._part import Part, parse_part
from ._values import Value, parse_values

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_REMOTE = ("://", "git@")


@dataclass(frozen=True, slots=True)
class Project:
    """The services of a project, and which of its profiles are active."""

    services: Mapping[str, Part]
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where paths in a file are relative to, its variables, and which files include it."""

    directory: str
    environ: Mapping[str, str]
    including: tuple[str, ...] = ()


def read_content(path: str) -> Content:
    """What the file at *path* holds, or why it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        return exc


class ProjectReader:
    """
    Reads the project of *files*, which are relative to *directory*.

    Without *files* they are those that `COMPOSE_FILE` names, or those with the usual names
    in *directory* or above it. Every failure is a ConfigurationError that names the file;
    `consulted` has what was found in each file that counts, also in those that are missing.
    """

    def __init__(
        self,
        directory: str,
        *,
        files: Sequence[str] = (),
        env_files: Sequence[str] = (),
        profiles: Sequence[str] | None = None,
        environ: Mapping[str, str],
        read: Callable[[str], Content] = read_content,
    ) -> None:
        self.consulted: dict[str, Content] = {}
        self._directory = os.path.abspath(directory)
        self._files = files
        self._env_files = env_files
        self._profiles = profiles
        self._environ = environ
        self._read = read

    def load(self) -> Project:
        """The project as its files say it now."""
        files = [os.path.join(self._directory, file) for file in self._files] or self._find()
        directory = os.path.dirname(files[0])
        variables = dict(self._environ)
        if self._env_files:
            for file in self._env_files:
                self._add_variables(variables, os.path.join(self._directory, file), optional=False)
        else:
            self._add_variables(variables, os.path.join(directory, ".env"), optional=True)
        profiles = self._profiles
        if profiles is None:
            named = variables.get("COMPOSE_PROFILES", "").split(",")
            profiles = [profile.strip() for profile in named if profile.strip()]
        services = self._merge(files, _Scope(directory, variables))
        return Project(services, tuple(profiles))

    def _find(self) -> list[str]:
        variables = dict(self._environ)
        if "COMPOSE_FILE" not in variables:
            self._add_variables(variables, os.path.join(self._directory, ".env"), optional=True)
        if variables.get("COMPOSE_FILE"):
            separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
            named = variables["COMPOSE_FILE"].split(separator)
            return [os.path.join(self._directory, file) for file in named if file]
        for directory in (Path(self._directory), *Path(self._directory).parents):
            for name in NAMES:
                if (directory / name).is_file():
                    return [str(directory / name), *self._overrides(directory)]
        for name in NAMES:
            self._content(os.path.join(self._directory, name))
        raise ConfigurationError(
            f"there is no compose file in {self._directory} or above it",
            hint=f"its name is one of {', '.join(NAMES)}",
        )

    def _overrides(self, directory: Path) -> list[str]:
        found = [
            str(directory / name)
            for name in OVERRIDES
            if not isinstance(self._content(str(directory / name)), OSError)
        ]
        return found[:1]

    def _content(self, path: str) -> Content:
        path = os.path.normpath(path)
        if path not in self.consulted:
            self.consulted[path] = self._read(path)
        return self.consulted[path]

    def _needed(self, path: str) -> bytes:
        content = self._content(path)
        if isinstance(content, OSError):
            raise unreadable(path, content)
        return content

    def _add_variables(self, variables: dict[str, str], path: str, *, optional: bool) -> None:
        content = self._content(path)
        if isinstance(content, OSError):
            if optional and isinstance(content, FileNotFoundError | IsADirectoryError):
                return
            raise unreadable(path, content)
        for key, value in parse_environment(content, path, variables).items():
            variables.setdefault(key, value)

    def _merge(self, files: Sequence[str], scope: _Scope) -> dict[str, Part]:
        merged: dict[str, Part] = {}
        for file in files:
            path = os.path.normpath(file)
            for document in self._documents(path, scope):
                said = document.mapping()
                values = said["services"].mapping() if "services" in said else {}
                parts = {name: parse_part(value) for name, value in values.items()}
                parts = {
                    name: self._extended(name, path, parts, merged, scope, ()) for name in parts
                }
                if "include" in said:
                    self._include(
                        said["include"], parts, replace(scope, including=(*scope.including, path))
                    )
                for name, part in parts.items():
                    if name in values and values[name].resets:
                        merged.pop(name, None)
                    else:
                        merged[name] = part.over(merged[name]) if name in merged else part
        return merged

    def _documents(self, path: str, scope: _Scope) -> list[Value]:
        documents = parse_values(self._needed(path), path, scope.environ.get)
        if not documents:
            raise ConfigurationError(f"{path}: the file is empty")
        return documents

    def _extended(
        self,
        name: str,
        path: str,
        parts: Mapping[str, Part],
        before: Mapping[str, Part],
        scope: _Scope,
        chain: tuple[tuple[str, str], ...],
    ) -> Part:
        """The service *name* of the file at *path* over what it extends; *before* is merged."""
        value, part = parts[name].extends, replace(parts[name], extends=None)
        if value is None or value.is_null:
            return part
        if (path, name) in chain:
            raise value.error(f"it extends itself, by way of {', '.join(n for _, n in chain)}")
        said = value.mapping() if value.is_mapping else {"service": value}
        if "service" not in said:
            raise value.error("a service to extend is needed")
        other, chain = said["service"].text(), (*chain, (path, name))
        if "file" in said:
            file = self._local(said["file"], scope.directory)
            inner = replace(scope, directory=os.path.dirname(file))
            parts = self._parts(file, inner)
            if other in parts:
                return part.over(self._extended(other, file, parts, {}, inner, chain))
        elif other in parts:
            return part.over(self._extended(other, path, parts, before, scope, chain))
        elif other in before:
            return part.over(before[other])
        raise value.error(f"there is no service {other!r} to extend")

    def _parts(self, path: str, scope: _Scope) -> dict[str, Part]:
        """What the file at *path* says by itself."""
        parts: dict[str, Part] = {}
        for document in self._documents(path, scope):
            said = document.mapping()
            for name, value in (said["services"].mapping() if "services" in said else {}).items():
                part = parse_part(value)
                parts[name] = part.over(parts[name]) if name in parts else part
        return parts

    def _include(self, value: Value, parts: dict[str, Part], scope: _Scope) -> None:
        for item in value.items():
            said = item.mapping() if item.is_mapping else {"path": item}
            if "path" not in said:
                raise item.error("a path to include is needed")
            files = [self._local(one, scope.directory) for one in _one_or_more(said["path"])]
            if not files or files[0] in scope.including:
                raise item.error("it includes itself" if files else "a path to include is needed")
            directory = os.path.dirname(files[0])
            if "project_directory" in said:
                directory = self._local(said["project_directory"], scope.directory)
            variables = dict(scope.environ)
            if "env_file" in said:
                for file in _one_or_more(said["env_file"]):
                    path = self._local(file, scope.directory)
                    self._add_variables(variables, path, optional=False)
            else:
                self._add_variables(variables, os.path.join(directory, ".env"), optional=True)
            included = self._merge(files, _Scope(directory, variables, scope.including))
            for name, part in included.items():
                if name in parts and replace(parts[name], place="") != replace(part, place=""):
                    raise item.error(f"the service {name!r} stands in {parts[name].place} as well")
                parts[name] = part

    @staticmethod
    def _local(value: Value, directory: str) -> str:
        path = value.text()
        if not path or any(mark in path for mark in _REMOTE):
            raise value.error(f"{path!r} is not a file here; what is elsewhere is not supported")
        return os.path.normpath(os.path.join(directory, path))


def _one_or_more(value: Value) -> list[Value]:
    return value.items() if value.is_list else [value]
