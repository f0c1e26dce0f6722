"""
URLs as telemetry may show them: without credentials.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_SECRET = re.compile(
    r"(^|[-_.])(sig|signature|token|key|apikey|api_key|password|passwd|pwd|secret|auth|code|"
    r"credential|session|jwt)s?($|[-_.])|^x-amz-|^x-goog-|^awsaccesskeyid$|accesskey|access_token",
    re.IGNORECASE,
)
_REDACTED = "REDACTED"


def redacted(url: str) -> str:
    """*url* without user and password, and with the values of telling parameters replaced."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    query = parts.query
    if query:
        query = "&".join(_pair(pair) for pair in query.split("&"))
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={_REDACTED}" if equals and _SECRET.search(name) else pair
