"""
Registrars by the name that a program or a document calls them.
"""

from __future__ import annotations

from typing import Any, cast

from .._catalogue import Catalogue
from ._base import Registrar

_CATALOGUE = Catalogue(
    "registrar",
    method="session",
    group="meshlib.registration",
    built_in={
        "consul": "meshlib.discovery.consul:ConsulRegistrar",
        "etcd": "meshlib.discovery.etcd:EtcdRegistrar",
        "registry": "meshlib.discovery.registry:RegistryRegistrar",
    },
    example='at={"consul": {"address": "http://127.0.0.1:8500"}}',
)


def make_registrar(spec: Any, path: str = "at") -> Registrar:
    """
    The registrar that *spec* describes: a name, `{name: settings}`, or a registrar itself.

    Names are `consul`, `etcd`, `registry`, and those of the entry point group
    `meshlib.registration`. Raises ConfigurationError for an unknown name or setting.
    """
    return cast("Registrar", _CATALOGUE.make(spec, path))
