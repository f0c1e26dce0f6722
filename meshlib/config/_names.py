"""
What a service may be called.
"""

from __future__ import annotations

import ipaddress
import re

from .._exceptions import ConfigurationError

# Labels as RFC 1123 has them, and the underscore that container networks allow.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST = 253


def service_name(name: object, path: str) -> str:
    """
    *name* as it is looked up: in lower case, as hosts are.

    Raises ConfigurationError when it cannot be the host of a URL, or means something else.
    """
    if not isinstance(name, str):
        raise ConfigurationError(f"a name is text, not {name!r}", path=path)
    lowered = name.lower()
    labels = lowered.split(".")
    if len(lowered) > _LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a service", path=path, hint=_name_hint(name)
        )
    if lowered == "localhost" or _is_ip(lowered):
        raise ConfigurationError(
            f"{name!r} is reserved: it means an address",
            path=path,
            hint="give the service a name, and this address as its endpoint",
        )
    if labels[-1] == "mesh":
        raise ConfigurationError(
            f"{name!r} is reserved: every service answers to its name with .mesh, too",
            path=path,
            hint=f"write {lowered.removesuffix('.mesh')!r}" if len(labels) > 1 else "",
        )
    return lowered


def _name_hint(name: str) -> str:
    if "://" in name or "/" in name or ":" in name:
        return "a name is a host only; URLs go under endpoints"
    return "a name has letters, digits, hyphens, underscores and dots between them"


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
