"""
What a verified token says, and why one was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Claims:
    """
    What a verified token says: *caller* is by whom rules know its bearer.

    Its values are not repeated in a repr, as they may be personal.
    """

    __slots__ = ("caller", "issuer", "scopes", "subject", "values")

    def __init__(self, values: Mapping[str, Any], caller: str) -> None:
        self.values: Mapping[str, Any] = MappingProxyType(dict(values))
        self.issuer = str(values.get("iss", ""))
        self.subject = str(values.get("sub", ""))
        self.scopes = scopes_of(values)
        self.caller = caller

    def __repr__(self) -> str:
        return f"<Claims of {self.caller!r}>"


class TokenRefusal(NamedTuple):
    """
    What is answered to who shows no good token.

    *status* is 401, 403 for a good one without the scope, and 503 while there are no keys
    to judge by. *error* is RFC 6750's, empty where no token was shown; *reason* is one of a
    few texts, that repeat nothing of the token.
    """

    status: int
    error: str
    reason: str
    scope: str = ""
    realm: str = "meshlib"

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of the answer, names in lower case."""
        if self.status == 503:
            return ((b"retry-after", b"1"),)
        text = f'Bearer realm="{self.realm}"'
        if self.error:
            text += f', error="{self.error}", error_description="{self.reason}"'
        if self.scope:
            text += f', scope="{self.scope}"'
        return ((b"www-authenticate", text.encode("ascii", "replace")),)


def scopes_of(values: Mapping[str, Any]) -> frozenset[str]:
    """The scopes of claims: `scope` in one text, or a list, which some issuers call `scp`."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        said = values.get(name)
        if isinstance(said, str):
            found.update(said.split())
        elif isinstance(said, list):
            found.update(one for one in said if isinstance(one, str))
    return frozenset(found)
