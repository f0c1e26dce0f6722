"""
What an agent is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ..._exceptions import ConfigurationError


def service_path(service: str) -> str:
    """Where an agent tells the instances of *service* with their checks."""
    return f"/v1/health/service/{quote(service, safe='')}"


def prepared_path(query: str) -> str:
    """Where an agent executes the prepared *query*."""
    return f"/v1/query/{quote(query, safe='')}/execute"


def filter_of(tags: Iterable[str], node_meta: Mapping[str, str], expression: str | None) -> str:
    """
    The expression that chooses instances with all of *tags* on nodes with *node_meta*.

    The parameters `tag` and `node-meta` do the same and are to be removed from Consul.
    """
    parts = [f"{literal(tag, 'tags')} in Service.Tags" for tag in tags]
    parts += [
        f"Node.Meta[{literal(key, 'node_meta')}] == {literal(value, 'node_meta')}"
        for key, value in node_meta.items()
    ]
    if expression is not None:
        parts.append(f"({expression})" if parts else expression)
    return " and ".join(parts)


def literal(text: str, path: str) -> str:
    """*text* in quotes; escapes within them are not understood by every version."""
    for mark in ('"', "`"):
        if mark not in text and (mark == "`" or "\\" not in text):
            return f"{mark}{text}{mark}"
    raise ConfigurationError(
        f"{text!r} holds both kinds of quotes, which no filter can express", path=path
    )
