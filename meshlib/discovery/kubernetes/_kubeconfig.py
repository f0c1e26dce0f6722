"""
Access as a kubeconfig describes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ._access import Access, AccessError
from ._kubeconfig_parts import Part, read_cluster, read_user

Documents = Sequence[tuple[str, Any]]
"""Path and content of each file, in the order in which they count."""


def find_files(environ: Mapping[str, str]) -> list[str]:
    """The files that kubectl would read: those of KUBECONFIG, or that in the home directory."""
    named = environ.get("KUBECONFIG")
    if named:
        return list(dict.fromkeys(path for path in named.split(os.pathsep) if path))
    return [os.path.join(os.path.expanduser("~"), ".kube", "config")]


def read_files(paths: Sequence[str], *, needed: bool) -> list[tuple[str, Any]]:
    """
    The content of the files at *paths*, without missing ones unless they are *needed*.

    Blocks. Raises AccessError for a file that cannot be read.
    """
    documents = []
    for path in paths:
        path = os.path.expanduser(path)
        try:
            documents.append((path, yaml.safe_load(Path(path).read_text(encoding="utf-8"))))
        except FileNotFoundError as exc:
            if needed:
                raise AccessError(f"the kubeconfig {path} does not exist") from exc
        except OSError as exc:
            raise AccessError(
                f"the kubeconfig {path} cannot be read: {exc.strerror or exc}"
            ) from exc
        except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
            # Without the cause, which may quote the file and so a token.
            raise AccessError(f"the kubeconfig {path} is not YAML") from None
    return documents


@dataclass(frozen=True, slots=True)
class _Merged:
    """All files as one: the first that names something decides it whole."""

    parts: Mapping[str, Mapping[str, Part]]
    current: str | None
    origin: str

    def get(self, kind: str, name: str) -> Part:
        try:
            return self.parts[kind][name]
        except KeyError:
            known = ", ".join(sorted(self.parts[kind])) or "none"
            raise AccessError(f"{self.origin} has no {kind} {name!r}; known are {known}") from None


def _merged(documents: Documents) -> _Merged:
    parts: dict[str, dict[str, Part]] = {"cluster": {}, "context": {}, "user": {}}
    current = None
    for path, document in documents:
        if document is None:
            continue  # an empty file
        if not isinstance(document, Mapping):
            raise AccessError(f"the kubeconfig {path} is no mapping")
        if current is None and document.get("current-context"):
            current = str(document["current-context"])
        for kind, known in parts.items():
            for name, part in _named(path, document, kind):
                known.setdefault(name, part)
    paths = ", ".join(path for path, _ in documents)
    return _Merged(parts, current, f"the kubeconfig {paths}")


def _named(path: str, document: Mapping[Any, Any], kind: str) -> list[tuple[str, Part]]:
    entries = document.get(f"{kind}s") or []
    if not isinstance(entries, list):
        raise AccessError(f"the kubeconfig {path} has no list of {kind}s")
    found = []
    for entry in entries:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            raise AccessError(f"the kubeconfig {path} has a {kind} without a name")
        found.append((name, Part(path, f"{kind} {name}", entry.get(kind))))
    return found


def select_access(documents: Documents, context: str | None = None) -> Access:
    """
    The access of *context*, or of the current one, in *documents*.

    Raises AccessError when it is not described well enough to call the cluster.
    """
    merged = _merged(documents)
    name = context or merged.current
    if not name:
        raise AccessError(f"{merged.origin} has no current-context; choose one by `context`")
    chosen = merged.get("context", name)
    cluster = merged.get("cluster", chosen.needed_text("cluster"))
    named_user = chosen.text("user")
    user = read_user(merged.get("user", named_user), cluster) if named_user else None
    return read_cluster(
        cluster,
        origin=f"{merged.origin} (context {name})",
        namespace=chosen.text("namespace") or "default",
        user=user,
    )
