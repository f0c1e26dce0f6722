"""
Which files manifests are in, and whether they still say the same.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIXES = (".yaml", ".yml", ".json", ".toml")


@dataclass(frozen=True)
class Manifests:
    """Where a configuration has its manifests from, and what was there."""

    patterns: tuple[str, ...] = ()
    """Files, directories, or patterns such as `/etc/mesh/*.yaml`; absolute."""
    contents: tuple[tuple[str, bytes], ...] = ()

    def again(self) -> Manifests:
        """The same sources as they are now. Blocks."""
        return read_manifests(self.patterns)


def files_of(pattern: str) -> list[str]:
    """
    The files that *pattern* means, in the order of their names.

    A directory means the documents in it. What has no wildcard is meant whether or not it
    is there, so that reading it tells.
    """
    if os.path.isdir(pattern):
        listed = (os.path.join(pattern, name) for name in os.listdir(pattern))
        return sorted(one for one in listed if one.lower().endswith(SUFFIXES) and _is_plain(one))
    if not glob.has_magic(pattern):
        return [pattern]
    return sorted(one for one in glob.glob(pattern) if _is_plain(one))


def _is_plain(path: str) -> bool:
    return os.path.isfile(path) and not os.path.basename(path).startswith(".")


def read_manifests(patterns: tuple[str, ...]) -> Manifests:
    """What the files of *patterns* hold; one that cannot be read holds why."""
    contents: list[tuple[str, bytes]] = []
    for pattern in patterns:
        for file in files_of(pattern):
            try:
                contents.append((file, Path(file).read_bytes()))
            except OSError as exc:
                contents.append((file, f"error {exc.errno}".encode()))
    return Manifests(patterns, tuple(contents))


def manifests_of(document: Any, directory: str) -> tuple[str, ...]:
    """The manifests that *document* names, relative to *directory*, whatever else it says."""
    if not isinstance(document, Mapping):
        return ()
    said = document.get("manifests")
    found: list[Any] = [said]
    if isinstance(said, list | tuple):
        found = list(said)
    services = document.get("services")
    for service in services.values() if isinstance(services, Mapping) else ():
        if isinstance(service, Mapping):
            found.append(service.get("manifest"))
    paths = (os.fspath(one) for one in found if isinstance(one, str | os.PathLike))
    return tuple(absolute(path, directory) for path in paths)


def absolute(path: str, directory: str) -> str:
    """*path*, relative to *directory*."""
    return os.path.normpath(os.path.join(directory, os.path.expanduser(path)))
