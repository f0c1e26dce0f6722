"""
A web site for tests of clients: one path for each thing that a client can meet.

A script of a `ScriptedServer`. Every path that is not listed in `_PATHS` answers with the
request as JSON: what arrived, as the server saw it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from .peer import Peer, Received
from .scripts import Script

USER = ("ada", "lovelace")
"""Who may see `/basic` and `/digest`."""

LINES = "first\r\nsecond\nthird"
CHUNKS = (b"one,", b"two,", b"three")
_NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


@dataclass
class Answer:
    """One response; a header may stand in *headers* more than once."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: Iterable[bytes] | None = None
    """Sent in chunked coding, instead of *body*."""
    then_hang: bool = False
    """Whether half of the body is missing and never comes."""


@dataclass(frozen=True)
class Asked:
    """A request, its path cut at the slashes and its query parsed."""

    received: Received
    rest: list[str]
    query: dict[str, str]


def site() -> Script:
    """Answer each request as its path says."""

    async def script(peer: Peer) -> None:
        while (received := await peer.request()) is not None:
            path, _, query = received.target.partition("?")
            first, *rest = path.removeprefix("/").split("/")
            if first == "never":
                await peer.gone()
                return
            asked = Asked(received, rest, dict(parse_qsl(query)))
            await _send(peer, _PATHS.get(first, _echo)(asked))

    return script


async def _send(peer: Peer, answer: Answer) -> None:
    reason = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.chunks is not None:
        lines.append("Transfer-Encoding: chunked")
    elif answer.status not in (204, 304):
        length = len(answer.body) * (2 if answer.then_hang else 1)
        lines.append(f"Content-Length: {length}")
    await peer.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    if answer.status in (204, 304) or peer.connection.requests[-1].method == "HEAD":
        return
    for chunk in answer.chunks or ():
        await peer.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    await peer.send(b"0\r\n\r\n" if answer.chunks is not None else answer.body)
    if answer.then_hang:
        await peer.gone()


def _echo(asked: Asked) -> Answer:
    received = asked.received
    told = {
        "method": received.method,
        "target": received.target,
        "headers": received.headers,
        "body": received.body.decode("latin-1"),
    }
    return Answer(body=json.dumps(told).encode(), headers=[("Content-Type", "application/json")])


def _status(asked: Asked) -> Answer:
    return Answer(int(asked.rest[0]), b"as you wish", [("Content-Type", "text/plain")])


def _text(asked: Asked) -> Answer:
    """`/text/ENCODING`, with `?charset=NAME` as what the server says that it is."""
    kind = "text/plain"
    if "charset" in asked.query:
        kind += f"; charset={asked.query['charset']}"
    return Answer(
        body="déjà vu, naïve café".encode(asked.rest[0]), headers=[("Content-Type", kind)]
    )


def _lines(asked: Asked) -> Answer:
    return Answer(chunks=[LINES.encode()[i : i + 8] for i in range(0, len(LINES), 8)])


def _encoded(asked: Asked) -> Answer:
    """`/encoded/gzip`, `deflate`, `broken`: a body in that content coding."""
    plain = b"".join(CHUNKS)
    coding = asked.rest[0]
    body = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain)}.get(coding, b"not gzip")
    coding = "gzip" if coding == "broken" else coding
    return Answer(body=body, headers=[("Content-Encoding", coding)])


def _twice(asked: Asked) -> Answer:
    return Answer(headers=[("X-Twice", "1"), ("X-Other", "o"), ("x-twice", "2")])


def _set_cookies(asked: Asked) -> Answer:
    """`/set-cookies?name=value&...`; a name with `-gone` is taken away instead."""
    pairs = [("Set-Cookie", f"{name}={value}; Path=/") for name, value in asked.query.items()]
    return Answer(body=b"set", headers=pairs)


def _drop_cookie(asked: Asked) -> Answer:
    expired = f"{asked.rest[0]}=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    return Answer(headers=[("Set-Cookie", expired)])


def _redirect(asked: Asked) -> Answer:
    """`/redirect/STATUS?to=URL`; `?cookie=x` sets one on the way."""
    headers = [("Location", asked.query["to"])]
    if "cookie" in asked.query:
        headers.append(("Set-Cookie", f"way={asked.query['cookie']}; Path=/"))
    return Answer(int(asked.rest[0]), b"elsewhere", headers)


def _hops(asked: Asked) -> Answer:
    """`/hops/N`: N redirects, then the echo."""
    left = int(asked.rest[0])
    return Answer(302, b"", [("Location", f"/hops/{left - 1}")]) if left else _echo(asked)


def _basic(asked: Asked) -> Answer:
    right = "Basic " + base64.b64encode(":".join(USER).encode()).decode()
    if asked.received.headers.get("authorization") == right:
        return _echo(asked)
    return Answer(401, b"who?", [("WWW-Authenticate", 'Basic realm="site"')])


def _digest(asked: Asked) -> Answer:
    given = asked.received.headers.get("authorization", "")
    if given.startswith("Digest ") and _digest_is_right(asked.received, given):
        return _echo(asked)
    challenge = f'Digest realm="site", qop="auth", nonce="{_NONCE}", opaque="o", algorithm=MD5'
    headers = [("WWW-Authenticate", challenge), ("Set-Cookie", "asked=yes; Path=/")]
    return Answer(401, b"who?", headers)


def _digest_is_right(received: Received, given: str) -> bool:
    """Whether the response is the one of RFC 7616, section 3.4.1."""
    said = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', given)}
    secret = _md5(f"{USER[0]}:site:{USER[1]}")
    what = _md5(f"{received.method}:{received.target}")
    middle = f"{_NONCE}:{said['nc']}:{said['cnonce']}:{said['qop']}"
    right = _md5(f"{secret}:{middle}:{what}")
    return (said["response"], said["nonce"]) == (right, _NONCE)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


_PATHS: dict[str, Callable[[Asked], Answer]] = {
    "basic": _basic,
    "chunks": lambda asked: Answer(chunks=CHUNKS),
    "digest": _digest,
    "drop-cookie": _drop_cookie,
    "encoded": _encoded,
    "half": lambda asked: Answer(body=b"half", then_hang=True),
    "hops": _hops,
    "lines": _lines,
    "redirect": _redirect,
    "set-cookies": _set_cookies,
    "set-cookies2": lambda asked: Answer(headers=[("Set-Cookie2", 'old="1"; Version=1')]),
    "status": _status,
    "text": _text,
    "twice": _twice,
}
