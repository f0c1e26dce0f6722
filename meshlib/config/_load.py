"""
From everything that a configuration is made of to the configuration.

Each of these overrides what is said before it, key by key: the document, its overlay for
`MESHLIB_ENV`, endpoints in `MESHLIB_SERVICE_*` variables, and what code says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from .._exceptions import ConfigurationError
from .._problems import Problem, error_of, problems_of
from ..balancing import parse_locality
from ..discovery import EnvironmentDiscovery, parse_document
from ._environments import VARIABLE, check_overlays, is_in, laid_over, located, overlay_name
from ._interpolate import interpolate
from ._lines import Lines
from ._merge import merge_services
from ._mesh import MeshConfig, Origin
from ._names import service_name
from ._source import Source, default_suffix, directory_of, read_source, source_name
from ._trees import Tree, document_tree, services_tree
from .manifest import Manifests, expand_manifests
from .store import StoreKey

ZONE = "MESHLIB_ZONE"
"""Names where the process runs, before the `zone` of the document."""


def load_config(
    source: Source | Mapping[str, Any] | MeshConfig | None = None,
    *,
    services: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> MeshConfig:
    """
    The configuration that *source* describes: a path, a mapping, or a configuration.

    It may also be a key of a store, or the URL of one, such as `etcd://host:2379/key`; it
    is waited for, up to 5 seconds.
    *services* is laid over it: by name, a list of endpoints, a mapping or a
    `ServiceConfig`. *environ* replaces the environment of the process. What was returned
    here before is taken as it is: overlays and variables are in it already.

    Raises ConfigurationError, which names the place of everything that is wrong.
    """
    if source is None or isinstance(source, Mapping | MeshConfig):
        return _Loading({} if source is None else source, services, environ).config()
    if not isinstance(source, str | os.PathLike | StoreKey):
        raise ConfigurationError(
            f"a path, a mapping or a MeshConfig is needed, not {type(source).__name__}",
            path="config",
        )
    return load_content(source, read_source(source), services=services, environ=environ)


def load_content(
    source: Source,
    content: bytes,
    *,
    services: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> MeshConfig:
    """The configuration in *source*, a file or a key of a store, which holds *content*."""
    name = source_name(source)
    document = parse_document(content, name, default=default_suffix(source))
    loading = _Loading(document, services, environ, file=name, content=content)
    loading.directory = directory_of(source)
    return loading.config()


class _Loading:
    """One configuration on its way."""

    def __init__(
        self,
        source: Mapping[str, Any] | MeshConfig,
        services: Mapping[str, Any] | None,
        environ: Mapping[str, str] | None,
        *,
        file: str = "",
        content: bytes | None = None,
    ) -> None:
        self._source = source
        self._in_code = services
        self._environ = os.environ if environ is None else environ
        self._file = file
        self._content = content
        self._name = file
        self._environment = ""
        self._running_in = self._environ.get(VARIABLE, "")
        if isinstance(source, MeshConfig) and source.origin.loaded:
            self._content, self._name = source.origin.content, source.origin.name
            self._environment = source.origin.environment
            self._running_in = source.origin.running_in
        self._services: Tree = {}
        self.directory = os.getcwd()
        self._manifests = Manifests()
        if isinstance(source, MeshConfig) and source.origin.manifests is not None:
            self._manifests = source.origin.manifests

    def config(self) -> MeshConfig:
        """The configuration, valid and complete."""
        try:
            if self._in_code is not None:
                self._services = self._with_manifests(services_tree(_mapping(self._in_code)))
            config = self._load()
        except ConfigurationError as exc:
            if not self._file:
                raise
            raise error_of(map(self._in_file, problems_of(exc))) from None
        config._origin = Origin(
            loaded=True,
            content=self._content,
            name=self._name,
            environment=self._environment,
            running_in=self._running_in,
            manifests=self._manifests,
        )
        return config

    def _with_manifests(self, services: Tree) -> Tree:
        """*services*, said in code, with what their manifests say."""
        tree, _ = expand_manifests({"services": services}, os.getcwd(), self._environ)
        return dict(tree["services"])

    def _load(self) -> MeshConfig:
        document = document_tree(self._source)
        if isinstance(self._source, MeshConfig) and self._source.origin.loaded:
            return self._build(document)
        name = self._environment = overlay_name(document, self._environ)
        try:
            said = self._replaced(laid_over(document, name) if name else document)
            said, self._manifests = expand_manifests(said, self.directory, self._environ)
            config = self._build(_with_variables(said, self._environ))
        except ConfigurationError as exc:
            raise located(exc, document, name) from None
        if document.get("environments") and self._is_valid(document):
            check_overlays(document, name, self._is_valid_overlay)
        return config

    def _build(self, tree: Tree) -> MeshConfig:
        if self._services:
            merged = merge_services(tree.get("services", {}), self._services)
            tree = {**tree, "services": merged}
        return MeshConfig.model_validate(tree)

    def _replaced(self, tree: Tree) -> Tree:
        """*tree* with variables replaced; only a file has any."""
        if not self._file:
            return tree
        problems: list[Problem] = []
        said = {key: value for key, value in tree.items() if key != "environments"}
        replaced: Tree = interpolate(said, self._environ, problems)
        if problems:
            raise error_of(problems)
        return {**tree, **replaced}

    def _is_valid(self, document: Tree) -> bool:
        try:
            MeshConfig.model_validate(self._replaced(document))
        except ConfigurationError:
            return False
        return True

    def _is_valid_overlay(self, tree: Tree) -> None:
        """Raise what is wrong with *tree*, unless variables it needs are set elsewhere only."""
        try:
            replaced = self._replaced(tree)
        except ConfigurationError:
            return
        MeshConfig.model_validate(replaced)

    def _in_file(self, problem: Problem) -> Problem:
        said_in_code = is_in({"services": self._services}, problem.place)
        in_variable = problem.place[:1] and problem.place[0] in self._environ
        is_elsewhere = problem.location is not None
        if said_in_code or in_variable or is_elsewhere or self._file in problem.message:
            return problem
        return problem._replace(location=self._lines.find(problem.place))

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._content or b"", self._file)


def _mapping(services: Any) -> Mapping[Any, Any]:
    if not isinstance(services, Mapping):
        raise ConfigurationError(
            f"a mapping of names to services is needed, not {type(services).__name__}",
            path="services",
        )
    return services


def _with_variables(document: Tree, environ: Mapping[str, str]) -> Tree:
    """*document* with the endpoints and the zone that environment variables name."""
    if environ.get(ZONE):
        try:
            parse_locality(environ[ZONE])
        except ValueError as exc:
            raise ConfigurationError(str(exc), path=ZONE) from None
        document = {**document, "zone": environ[ZONE]}
    source = EnvironmentDiscovery(environ=environ)
    services = document.get("services", {})
    over: Tree = {}
    for name, endpoints in source.services().items():
        variable = source.variable(name)
        said = {"endpoints": list(endpoints)}
        owners = [
            owner
            for owner, service in services.items()
            if any(source.variable(other) == variable for other in _names(owner, service))
        ]
        for owner in owners:
            over[owner] = said
        if not owners:
            other = name.replace("-", "_")
            aliases = {"aliases": [other]} if other != name else {}
            over[service_name(name, variable)] = {**said, **aliases}
    if not over:
        return document
    return {**document, "services": merge_services(services, over)}


def _names(name: str, service: Any) -> list[str]:
    aliases = service.get("aliases") if isinstance(service, dict) else None
    if not isinstance(aliases, list | tuple):
        return [name]
    return [name, *(alias for alias in aliases if isinstance(alias, str))]
