"""
What a peer may be asked to be.
"""

from __future__ import annotations

import re

from ._spiffe import SpiffeId, parse_spiffe

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?")
_BELOW = "/*"
_SPIFFE = "spiffe:"


def check_pattern(text: str) -> str:
    """
    *text* as patterns are compared; raises ValueError for what is none.

    `spiffe://example.org/users` is one workload, `spiffe://example.org/shop/*` everything
    below that path, `spiffe://example.org` the whole trust domain. Anything else is a DNS
    name; `*.example.org` stands for one label more.
    """
    if text.startswith(_SPIFFE):
        parse_spiffe(text.removesuffix(_BELOW))
        return text
    name = text.lower()
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is neither a SPIFFE ID nor a DNS name")
    return name.removesuffix(".")


def is_spiffe(pattern: str) -> bool:
    """Whether *pattern* is about SPIFFE IDs."""
    return pattern.startswith(_SPIFFE)


def covers_id(pattern: str, name: SpiffeId) -> bool:
    """Whether *pattern*, one of SPIFFE IDs, covers *name*."""
    below = pattern.endswith(_BELOW)
    wanted = parse_spiffe(pattern.removesuffix(_BELOW))
    if wanted.trust_domain != name.trust_domain:
        return False
    if below:
        return name.path.startswith(wanted.path + "/")
    return not wanted.path or wanted.path == name.path


def covers_name(pattern: str, name: str) -> bool:
    """Whether *pattern*, a DNS name, covers *name*; a wildcard stands for one label."""
    if pattern == name:
        return True
    star, _, rest = pattern.partition(".")
    return star == "*" and bool(rest) and name.partition(".")[2] == rest
