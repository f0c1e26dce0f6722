"""
Sources by the name that a configuration document calls them.
"""

from __future__ import annotations

from typing import Any, cast

from ._base import Discovery
from ._catalogue import Catalogue

_HERE = "meshlib.discovery"
_CATALOGUE = Catalogue(
    "source",
    method="watch",
    group="meshlib.discovery",
    built_in={
        "cached": f"{_HERE}.composition:CachedDiscovery",
        "compose": f"{_HERE}.docker:ComposeDiscovery",
        "consul": f"{_HERE}.consul:ConsulDiscovery",
        "dns": f"{_HERE}.dns:DnsDiscovery",
        "docker": f"{_HERE}.docker:DockerDiscovery",
        "env": f"{_HERE}._environment:EnvironmentDiscovery",
        "etcd": f"{_HERE}.etcd:EtcdDiscovery",
        "fallback": f"{_HERE}.composition:FallbackDiscovery",
        "file": f"{_HERE}._file:FileDiscovery",
        "filter": f"{_HERE}.composition:FilterDiscovery",
        "kubernetes": f"{_HERE}.kubernetes:KubernetesDiscovery",
        "registry": f"{_HERE}.registry:RegistryDiscovery",
        "static": f"{_HERE}._static:StaticDiscovery",
        "union": f"{_HERE}.composition:UnionDiscovery",
    },
    example="discovery: {file: {path: services.yaml}}",
)


def discovery_names() -> tuple[str, ...]:
    """The names of the sources that meshlib brings, sorted."""
    return _CATALOGUE.names


def make_discovery(spec: Any, path: str = "discovery") -> Discovery:
    """
    The source that *spec* describes: a name, `{name: settings}`, or a source itself.

    Names are those of meshlib and of the entry point group `meshlib.discovery`, whose
    entry points are called with the settings as keyword arguments. Raises
    ConfigurationError for an unknown name or setting; *path* says where *spec* stands.
    """
    return cast("Discovery", _CATALOGUE.make(spec, path))


def check_discovery(spec: Any, path: str = "discovery") -> None:
    """Raise ConfigurationError if `make_discovery` would not know what *spec* is."""
    _CATALOGUE.check(spec, path)
