"""
URLs and error texts as telemetry may show them: without credentials.

When in doubt a value is left out: a log line may be less telling than it could be, but a
secret that was exported cannot be called back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

_REDACTED = "REDACTED"
_USER = re.compile(
    # A password may hold unescaped delimiters: when no port follows the first colon, all up
    # to the last @ is left out, and the host with it when the path has another one.
    r"(?<=://)(?:[^\s/?#:@\[]*:(?!\d*(?:[/?#\s]|$))\S*@|[^\s/?#]*@)"
)
_PAIR = re.compile(r"([?&;#])([^=?&;#\s]+)=([^&;#\s]*)")
_CREDENTIALS = re.compile(r"\b(Bearer|Basic)\s+[^\s,;'\"]{8,}", re.IGNORECASE)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD = re.compile(
    "auth|authorization|cookie|jwt|keys?|otp|pass|passphrase|pwd|session|sid|sig"
)
_SECRET_PARTS = re.compile(
    "accesskey|apikey|authkey|credential|passwd|password|privatekey|secret|sessid|sessionid|"
    "signature|token"
)
_SECRET_NAMES = frozenset({"code"})  # of OAuth; `country_code` is none
_SECRET_PREFIXES = ("x-amz-", "x-goog-")
"""Parameters that sign a request to a store of AWS or Google; all of them are redacted."""


def redacted(text: str) -> str:
    """
    *text*, a URL or a text with URLs in it, without user, password and telling values.

    The semantic conventions ask for this form and name some parameters; this is a wider
    choice, by the words in a parameter's name. Paths are kept.
    """
    if "@" in text:
        text = _USER.sub(f"{_REDACTED}:{_REDACTED}@", text)
    return _PAIR.sub(_pair, text) if "=" in text else text


def redacted_error(error: BaseException) -> str:
    """Type and text of *error*; what its text says of URLs and credentials is redacted."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # of a foreign class, which must not fail what is told of
        return name
    text = _CREDENTIALS.sub(rf"\1 {_REDACTED}", redacted(text))
    return f"{name}: {text}" if text else name


def redacted_value(text: str) -> str:
    """*text*, any value, without what looks like credentials in it."""
    return _CREDENTIALS.sub(rf"\1 {_REDACTED}", redacted(text))


def without_secrets(value: Any) -> Any:
    """*value*, of mappings and lists, with a placeholder for what the name of its key hides."""
    if isinstance(value, Mapping):
        return {
            key: _REDACTED
            if isinstance(key, str) and isinstance(part, str) and _is_secret(key)
            else without_secrets(part)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(map(without_secrets, value))
    return redacted(value) if isinstance(value, str) else value


def names_secret(name: str) -> bool:
    """Whether what is called *name*, a parameter, header or member, may be a secret."""
    return _is_secret(name)


def _pair(found: re.Match[str]) -> str:
    mark, name, _ = found.groups()
    return f"{mark}{name}={_REDACTED}" if _is_secret(name) else found[0]


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    plain = unquote_plus(name)
    words = [word.lower() for word in _WORD.findall(plain)]
    return (
        any(map(_SECRET_WORD.fullmatch, words))
        or _SECRET_PARTS.search("".join(words)) is not None
        or plain.lower() in _SECRET_NAMES
        or plain.lower().startswith(_SECRET_PREFIXES)
    )
