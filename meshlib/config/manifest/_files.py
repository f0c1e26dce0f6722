"""
Manifests out of files.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..._exceptions import ConfigurationError
from ..._problems import Problem, error_of, problems_of
from ...discovery import parse_document, read_content
from .._interpolate import interpolate
from .._lines import Lines
from .._service import ServiceConfig
from .._trees import Tree
from ._options import Manifest
from ._service import service_of
from ._sources import absolute, files_of

_SEPARATOR = re.compile(rb"^---(?:[ \t].*)?\r?$", re.MULTILINE)


class Found(NamedTuple):
    """A manifest, translated, and the file that it was found in."""

    name: str
    tree: Tree
    file: str


def load_manifest(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
) -> dict[str, ServiceConfig]:
    """
    The services that manifests describe, by their names.

    *source* is a file, a directory, a pattern such as `manifests/*.yaml`, or a manifest as
    a mapping. A file holds one manifest, several under `manifests`, or, in YAML, several
    between lines of `---`; `${NAME}` in it is replaced from *environ*, or the environment
    of the process. Raises ConfigurationError, which names file and line.
    """
    if isinstance(source, Mapping):
        name, tree = translate(source)
        return {name: ServiceConfig.model_validate(tree)}
    found = in_files(absolute(os.fspath(source), os.getcwd()), environ)
    return {name: ServiceConfig.model_validate(one.tree) for name, one in by_name(found).items()}


def translate(manifest: Mapping[str, Any]) -> tuple[str, Tree]:
    """The name of the service that *manifest* describes, and its tree."""
    checked = Manifest.model_validate(manifest)
    return checked.service_name, service_of(checked)


def by_name(found: Iterator[Found]) -> dict[str, Found]:
    """The manifests by the names of their services; raises for a name that comes twice."""
    known: dict[str, Found] = {}
    for one in found:
        other = known.setdefault(one.name, one)
        if other is not one:
            raise ConfigurationError(
                f"{one.file} and {other.file} both describe the service {one.name!r}"
                if one.file != other.file
                else f"{one.file} describes the service {one.name!r} twice",
                path="service_name",
            )
    return known


def in_files(pattern: str, environ: Mapping[str, str] | None) -> Iterator[Found]:
    """The manifests in the files that *pattern* means, translated."""
    files = files_of(pattern)
    directory = os.path.dirname(pattern)
    if glob.has_magic(pattern) and not files and not glob.glob(directory):
        raise ConfigurationError(f"{pattern}: there is no directory {directory}")
    for file in files:
        for content in _parts(read_content(file), file):
            yield from _in_document(content, file, os.environ if environ is None else environ)


def _parts(content: bytes, file: str) -> Iterator[bytes]:
    """The documents of a YAML file, each with as many lines before it as it has there."""
    if not file.lower().endswith((".yaml", ".yml")):
        yield content
        return
    start, is_empty = 0, True
    ends = [*(match.start() for match in _SEPARATOR.finditer(content)), len(content)]
    for end in ends:
        part = content[start:end]
        bare = _SEPARATOR.sub(b"", part, count=1)
        if any(line.strip() and not line.lstrip().startswith(b"#") for line in bare.splitlines()):
            yield b"\n" * content.count(b"\n", 0, start) + bare
            is_empty = False
        start = end
    if is_empty:
        yield b""  # whose reader says so


def _in_document(content: bytes, file: str, environ: Mapping[str, str]) -> Iterator[Found]:
    document = parse_document(content, file)
    lines = Lines(content, file)
    try:
        problems: list[Problem] = []
        tree = interpolate(document, environ, problems)
        if problems:
            raise error_of(problems)
        for name, translated in _manifests(tree):
            yield Found(name, translated, file)
    except ConfigurationError as exc:
        raise error_of(
            one if one.location else one._replace(location=lines.find(one.place))
            for one in problems_of(exc)
        ) from None


def _manifests(tree: Tree) -> Iterator[tuple[str, Tree]]:
    if "manifests" not in tree:
        yield translate(tree)
        return
    several = tree["manifests"]
    if len(tree) > 1 or not isinstance(several, list):
        raise ConfigurationError("this is a list of manifests, alone", path="manifests")
    for n, one in enumerate(several):
        try:
            yield translate(one)
        except ConfigurationError as exc:
            raise error_of(problems_of(exc, ("manifests", n))) from None
