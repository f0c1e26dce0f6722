"""How a good body is made a bad one."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ._response import Corruption

_BLOCK = 4096
_MAGIC = b"\x1f\x8b"
_INFLATE = {"gzip": (zlib.MAX_WBITS | 16,), "x-gzip": (zlib.MAX_WBITS | 16,)} | {
    # Some servers send deflate without the frame of zlib.
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)
}


def corrupt(
    corruptions: Iterable[Corruption], content: bytes, headers: Mapping[str, str]
) -> tuple[bytes, dict[str, str | None]]:
    """
    The raw body that stands for *content*, and the headers that change with it.

    *headers* are the response's, in lower case; None removes one. The length is left to
    the caller. What is not as a corruption needs it, such as no JSON, stays as it is.
    """
    changes: dict[str, str | None] = {}
    for each in corruptions:
        encoding = _encoding(headers, changes)
        if each.kind == "gzip":
            content = _no_gzip(content)
            if content and encoding not in _INFLATE:
                changes["content-encoding"] = "gzip"
        elif each.kind == "bytes":
            content = corrupt_bytes(each, content, 0)
        else:
            plain = _plain(content, encoding)
            bad = None if plain is None else _text(each, plain, headers)
            if bad is not None and bad != plain:
                content = bad
                if encoding:
                    changes["content-encoding"] = None
    return content, changes


def corrupt_bytes(corruption: Corruption, chunk: bytes, offset: int) -> bytes:
    """
    A part of a body, from *offset* on, with the wrong bytes of *corruption* in it.

    However a body is cut, the same of its bytes are wrong, and none is what it was.
    """
    bad = bytearray(chunk)
    first, end = offset // _BLOCK, offset + len(chunk)
    for block in range(first, (end + _BLOCK - 1) // _BLOCK):
        rng = random.Random(f"{corruption.seed} {block}")
        for place in range(block * _BLOCK, (block + 1) * _BLOCK):
            chance, change = rng.random(), rng.randrange(1, 256)
            if chance < corruption.rate and offset <= place < end:
                bad[place - offset] ^= change
    return bytes(bad)


def _encoding(headers: Mapping[str, str], changes: Mapping[str, str | None]) -> str:
    said = changes.get("content-encoding", headers.get("content-encoding"))
    return "" if said is None or said.lower() == "identity" else said.lower()


def _plain(content: bytes, encoding: str) -> bytes | None:
    """The body without its compression; None when that is another one than it says."""
    if not encoding:
        return content
    for bits in _INFLATE.get(encoding, ()):
        try:
            return zlib.decompress(content, bits)
        except zlib.error:
            pass
    return None


def _text(corruption: Corruption, plain: bytes, headers: Mapping[str, str]) -> bytes | None:
    if corruption.kind == "json":
        # No JSON text ends so, whatever comes before.
        return plain.rstrip()[:-1] + b"<"
    if corruption.kind == "charset":
        return _decoded(plain, headers).encode(corruption.charset, errors="replace")
    try:
        body = json.loads(plain)
    except ValueError:
        return None
    if not _alter(body, corruption.path, corruption):
        return None
    return json.dumps(body, ensure_ascii=False).encode()


def _decoded(plain: bytes, headers: Mapping[str, str]) -> str:
    for part in headers.get("content-type", "").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            try:
                return plain.decode(value.strip().strip('"'), errors="replace")
            except (LookupError, ValueError):
                break  # as httpx does with an encoding that it does not know
    return plain.decode(errors="replace")


def _no_gzip(content: bytes) -> bytes:
    """What no gunzip reads, since its first bytes say that it is none."""
    return b"\0\0" + content[2:] if content.startswith(_MAGIC) else content


def _alter(body: Any, path: tuple[str | int, ...], corruption: Corruption) -> bool:
    """Alter what stands at *path* of *body*; whether there was anything."""
    step, rest = path[0], path[1:]
    found = False
    # From the end, so that what is removed moves nothing that is still to come.
    for key in reversed(_keys(body, step)):
        if rest:
            found |= _alter(body[key], rest, corruption)
            continue
        found = True
        if corruption.remove:
            del body[key]
        else:
            body[key] = corruption.value
    return found


def _keys(body: Any, step: str | int) -> list[Any]:
    if isinstance(body, dict):
        return list(body) if step == "*" else [step] if step in body else []
    if isinstance(body, list):
        if step == "*":
            return list(range(len(body)))
        return [step] if isinstance(step, int) and step < len(body) else []
    return []
