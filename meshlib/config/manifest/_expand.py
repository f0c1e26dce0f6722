"""
Manifests that a document names, in their place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..._exceptions import ConfigurationError
from ..._problems import Place, Problem, error_of, nearest, problems_of
from .._merge import merge_service
from .._trees import Tree
from ._files import Found, by_name, in_files, translate
from ._sources import Manifests, absolute, manifests_of, read_manifests


def expand_manifests(
    document: Tree, directory: str, environ: Mapping[str, str]
) -> tuple[Tree, Manifests]:
    """
    *document* with what its manifests say, below what it says itself of these services.

    `manifests` is taken out of it, and so is `manifest` of each service. Paths are relative
    to *directory*. Raises ConfigurationError.
    """
    services = document.get("services")
    named = isinstance(services, Mapping) and any(_names_one(one) for one in services.values())
    if "manifests" not in document and not named:
        return document, Manifests()
    sources = read_manifests(manifests_of(document, directory))
    expanded: Tree = {}
    for name, one in by_name(_listed(document.get("manifests"), directory, environ)).items():
        expanded[name] = one.tree
    for name, service in (services or {}).items():
        said = service
        if _names_one(service):
            said = {key: part for key, part in service.items() if key != "manifest"}
            place = ("services", name, "manifest")
            base = _manifest(service["manifest"], name, place, directory, environ)
            said = merge_service(base, said)
        expanded[name] = merge_service(expanded[name], said) if name in expanded else said
    rest = {key: part for key, part in document.items() if key != "manifests"}
    return {**rest, "services": expanded}, sources


def _names_one(service: Any) -> bool:
    return isinstance(service, Mapping) and service.get("manifest") is not None


def _listed(said: Any, directory: str, environ: Mapping[str, str]) -> Any:
    """The manifests of a document's list of files."""
    patterns = [said] if isinstance(said, str) else said or ()
    if not isinstance(patterns, list | tuple):
        raise ConfigurationError("a list of files is needed", path="manifests")
    for n, pattern in enumerate(patterns):
        place = ("manifests", n)
        if not isinstance(pattern, str | os.PathLike):
            raise error_of([Problem(place, f"a path is needed, not {pattern!r}")])
        yield from _read(absolute(os.fspath(pattern), directory), place, environ)


def _read(path: str, place: Place, environ: Mapping[str, str]) -> list[Found]:
    try:
        return list(in_files(path, environ))
    except ConfigurationError as exc:
        # What is wrong in a file stands there; that it cannot be had stands here.
        raise error_of(
            one if one.location else one._replace(place=place + one.place)
            for one in problems_of(exc)
        ) from None


def _manifest(
    said: Any, name: str, place: Place, directory: str, environ: Mapping[str, str]
) -> Tree:
    """The manifest of the service *name*: a mapping, or a path."""
    if isinstance(said, Mapping):
        try:
            described, tree = translate({"service_name": name, **said})
        except ConfigurationError as exc:
            raise error_of(problems_of(exc, place)) from None
        found = {described: tree}
    elif isinstance(said, str | os.PathLike):
        path = absolute(os.fspath(said), directory)
        found = {one.name: one.tree for one in by_name(iter(_read(path, place, environ))).values()}
    else:
        raise error_of([Problem(place, f"a path or a manifest is needed, not {said!r}")])
    if name not in found:
        described = ", ".join(map(repr, found)) or "no service"
        message = f"the manifest describes {described}, not {name!r}"
        raise error_of([Problem(place, message, nearest(name, found))])
    return found[name]
