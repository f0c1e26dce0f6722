"""
Hosts of Istio for services, and the subsets that routes go to.
"""

from __future__ import annotations

from .._part import Part
from ._names import is_label, object_name

_DOMAIN = "svc.cluster.local"


class Hosts:
    """
    What the services of a document are called in a cluster.

    *in_cluster* says whether their names are those of Services: `name.namespace` is then
    written out, for Istio takes a name with a dot for a whole one.
    """

    def __init__(self, *, in_cluster: bool) -> None:
        self._in_cluster = in_cluster
        self.subsets: dict[str, dict[str, dict[str, str]]] = {}
        """By host and name: the labels of each subset."""

    def host(self, service: str) -> str:
        """The host of *service*."""
        if self._in_cluster and service.count(".") == 1:
            return f"{service}.{_DOMAIN}"
        return service

    def subset(self, part: Part, host: str, name: str) -> str | None:
        """
        The subset of *host* that the selector of *part* means; None, and reported, for none.

        Empty for all endpoints. *name* is what it should be called.
        """
        block = part.part("subset")
        if block is None:
            return ""
        labels: dict[str, str] = {}
        for label in block:
            values = block.texts(label)
            if len(values) != 1 or not is_label(values[0]):
                why = "a label has one value, of letters, digits, `-`, `_` and `.`"
                block.lose(label, why, "a destination for each value")
                return None
            labels[label] = values[0]
        if not labels:
            return ""
        return self._named(host, labels, name if is_label(name) and name else "")

    def _named(self, host: str, labels: dict[str, str], name: str) -> str:
        known = self.subsets.setdefault(host, {})
        wanted = name or object_name(*labels.values())
        number = 2
        title = wanted
        while known.get(title, labels) != labels:
            title, number = f"{wanted}-{number}", number + 1
        known[title] = labels
        return title
