"""
The document that is being made, and what all readers share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._exceptions import ConfigurationError
from ...config import MeshConfig, service_name
from .._part import Part

Tree = dict[str, Any]
_DOMAIN = ".svc.cluster.local"


class Host(NamedTuple):
    """A host of Istio: a Service of a cluster, or with an empty namespace another host."""

    name: str
    namespace: str


def parse_host(text: str, namespace: str) -> Host | None:
    """
    What *text* means in *namespace*; None for a pattern of hosts.

    As Istio has it, a name without a dot is a Service of the object's own namespace.
    """
    if "*" in text or not text:
        return None
    lowered = text.lower()
    for suffix in (_DOMAIN, ".svc"):
        head, found, _ = lowered.partition(suffix)
        if found and lowered == head + suffix and head.count(".") == 1:
            return Host(*head.split("."))
    return Host(lowered, "" if "." in lowered else namespace)


class Draft:
    """
    A document on its way: services by name, and the subsets that DestinationRules define.

    Services of the namespace *home* go by their names alone, others as `name.namespace`,
    which the source of endpoints for Kubernetes takes for that.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        self.services: dict[str, Tree] = {}
        self.in_cluster = False
        self._subsets: dict[Host, dict[str, dict[str, str]]] = {}
        self._asked: set[tuple[Host, str]] = set()

    def name(self, host: Host) -> str:
        """The name of the service at *host*, which is in the document from now on."""
        self.in_cluster = self.in_cluster or bool(host.namespace)
        own = host.namespace in ("", self.home)
        name = host.name if own else f"{host.name}.{host.namespace}"
        self.services.setdefault(name, {})
        return name

    def find(self, part: Part, key: str, namespace: str) -> Host | None:
        """The host that *part* names at *key*; None, and reported, when it names no service."""
        text = part.text(key)
        if text is None:
            part.lose("", f"it has no {key}")
            return None
        return self.host(text, part, key, namespace)

    def host(self, text: str, part: Part, key: str, namespace: str) -> Host | None:
        """The host that is called *text* at *key* of *part*; None, and reported, for none."""
        host = parse_host(text, namespace)
        if host is None:
            part.lose(key, f"{text!r} is a pattern, and a service has one name", "`defaults`")
            return None
        name = self.named(host, part, key)
        if name is None:
            return None
        if text.lower() != name:
            aliases = self.services[name].get("aliases", [])
            if text.lower() not in aliases and "." in text:
                self.services[name]["aliases"] = [*aliases, text.lower()]
        return host

    def define(self, host: Host, name: str, labels: Mapping[str, str]) -> None:
        """Remember the labels of a subset."""
        self._subsets.setdefault(host, {})[name] = dict(labels)

    def subset(self, host: Host, name: str) -> dict[str, str] | None:
        """The labels of a subset; None when no DestinationRule defines it."""
        self._asked.add((host, name))
        return self._subsets.get(host, {}).get(name)

    def asked(self, host: Host, name: str) -> bool:
        """Whether a route goes to this subset."""
        return (host, name) in self._asked

    @property
    def label_names(self) -> list[str]:
        """What endpoints must tell of themselves for subsets to be found."""
        return sorted(
            {
                label
                for host, name in self._asked
                for label in self._subsets.get(host, {}).get(name, ())
            }
        )

    def put(self, host: Host, section: str, tree: Tree, part: Part, key: str) -> None:
        """Say *tree* in *section* of a service, if that is valid; else report *key* of *part*."""
        service = self.services[self.name(host)]
        merged = {**service.get(section, {}), **tree}
        if tree and self.valid({section: merged}, part, key):
            service[section] = merged

    def valid(self, tree: Tree, part: Part, key: str) -> bool:
        """Whether a service may say *tree*; if not, *key* of *part* is reported."""
        others: Tree = dict.fromkeys(self.services)
        try:
            MeshConfig.model_validate({"services": {**others, "it": tree}})
        except ConfigurationError as exc:
            part.lose(key, f"it would be invalid here: {exc}".replace("services.it.", ""))
            return False
        return True

    def named(self, host: Host, part: Part, key: str) -> str | None:
        """The name of the service at *host*; None, and reported, when nothing has such a name."""
        try:
            service_name(f"{host.name}.{host.namespace}".rstrip("."), "")
        except ConfigurationError as exc:
            part.lose(key, str(exc).removeprefix(": "))
            return None
        return self.name(host)
