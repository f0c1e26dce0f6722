"""
The ways in which a path may be read, of which servers and rules may choose different ones.

Envoy and Istio normalise the path and then forward what they normalised, so that rules and
server see the same. Nothing here changes what the application sees, so a path that is
normal already is decided upon, and any other is told to be unclear, with all its readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SLASHES = re.compile(r"//+")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?")
"""Paths of which there is one reading; most are such, and need no closer look."""
_DEPTH = 3
"""Times that a path may be encoded and still be read."""


class Readings(NamedTuple):
    """
    *forms* are the ways in which a path may be read, the plainest first.

    *unclear* says why there is more than one that counts; it is empty for a clear path.
    """

    forms: tuple[str, ...]
    unclear: str = ""


def read_path(path: str, *, decoded: bool = False) -> Readings:
    """
    How *path* may be read; what follows a question mark is no part of it.

    *path* is percent-encoded, as on the wire; *decoded* says that a server has decoded it.
    Escapes of ordinary characters are decoded, as every server does. Unclear are: dot
    segments, empty segments, a backslash, an escaped slash or backslash, what is encoded
    twice, control characters, escapes that are none or no UTF-8, and what does not begin
    with a slash, but for the `*` of OPTIONS. Never raises.
    """
    if not decoded:
        path = path.partition("?")[0]
    if _PLAIN.fullmatch(path) or path in ("/", "*"):
        return Readings((path,))
    forms = [path or "/"]
    unclear = "" if forms[0].startswith("/") else "it does not begin with a slash"
    if not decoded:
        unclear = unclear or _wrongly_encoded(forms[0])
        forms[0] = _decode(forms[0])
    unclear = unclear or _undecided(forms[0], decoded)
    return Readings(tuple(dict.fromkeys(_all_forms(forms[0]))), unclear)


def _wrongly_encoded(path: str) -> str:
    if _BROKEN.search(path):
        return "a percent sign is followed by no two hexadecimal digits"
    octets = {found.lower() for found in _ESCAPE.findall(path)}
    if "2f" in octets or "5c" in octets:
        return "a slash is escaped"
    if "#" in path:
        return "it has a fragment"
    try:
        _bytes_of(path).decode("utf-8")
    except UnicodeDecodeError:
        return "its escapes are no UTF-8"
    return ""


def _undecided(path: str, decoded: bool) -> str:
    if _CONTROL.search(path):
        return "it has a control character"
    if "\\" in path:
        return "it has a backslash"
    if _ESCAPE.search(path):
        return "it may be encoded once more" if decoded else "it is encoded twice"
    if "//" in path:
        return "a segment is empty"
    # Some servers drop what follows a semicolon from a segment.
    if any(segment.partition(";")[0] in (".", "..") for segment in path.split("/")):
        return "it has dot segments"
    return ""


def _bytes_of(path: str) -> bytes:
    octets = path.encode("utf-8", "surrogatepass")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), octets)


def _decode(path: str) -> str:
    return _bytes_of(path).decode("utf-8", "replace") if "%" in path else path


def _all_forms(path: str) -> Iterable[str]:
    """As it is, and as servers that decode again, merge slashes or follow dots see it."""
    for _ in range(_DEPTH):
        for slashes in (path, path.replace("\\", "/")):
            merged = _SLASHES.sub("/", slashes)
            yield from (slashes, merged, _followed(slashes), _followed(merged))
            yield _SLASHES.sub("/", _followed(slashes))
        again = _decode(path)
        if again == path:
            return
        path = again


def _followed(path: str) -> str:
    """*path* without dot segments, as RFC 3986, section 5.2.4, says."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        name = segment.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name != ".":
            kept.append(segment)
    ends = segments[-1].partition(";")[0] in (".", "..")
    return "/" + "/".join(kept) + ("/" if ends and kept else "")
