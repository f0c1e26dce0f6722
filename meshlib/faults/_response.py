"""What is done to a response that does come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from ._draws import Draws
from ._injection import Kind
from ._path import parse_path
from ._response_options import CorruptFault, ResponseFault

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Corruption:
    """
    How a body is made wrong; `corrupt` does it.

    *kind* `bytes` changes bytes at the *rate*, from 0 to 1; *seed* makes it repeatable.
    `json` leaves no valid JSON, `gzip` no valid gzip. `charset` encodes the text in
    *charset* and leaves the header as it was. `field` puts *value* at the *path* of a
    JSON body, or removes what stands there.
    """

    kind: Literal["bytes", "json", "charset", "gzip", "field"]
    rate: float = 0.0
    seed: int = 0
    charset: str = ""
    path: tuple[str | int, ...] = ()
    value: Any = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class ResponseEffects:
    """
    What is done to a response that does come.

    In this order: *remove_headers*, *set_headers*, *body* (which replaces it), *corrupt*,
    *truncate* (bytes that still come), and the pace: *chunk_size* (bytes at most),
    *chunk_delay* (seconds before each chunk), *bandwidth* (bytes per second). A truncated
    body ends with the error of a connection that closed too early, unless it is *silent*.
    """

    set_headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    remove_headers: tuple[str, ...] = ()
    body: str | None = None
    corrupt: tuple[Corruption, ...] = ()
    truncate: int | None = None
    silent: bool = False
    chunk_size: int | None = None
    chunk_delay: float = 0.0
    bandwidth: float | None = None


class ResponseDraw:
    """
    The compiled `response` part of a rule.

    Thread-safe: it never changes.
    """

    __slots__ = ("_effects", "_random", "_still")

    def __init__(self, options: ResponseFault) -> None:
        headers = options.headers
        self._effects = effects = ResponseEffects(
            set_headers=_NOTHING if headers is None else headers.set_,
            remove_headers=() if headers is None else headers.remove,
            body=options.body,
            corrupt=() if options.corrupt is None else tuple(_corruptions(options.corrupt)),
            truncate=options.truncate,
            silent=options.silent,
            chunk_size=options.chunk_size,
            chunk_delay=options.chunk_delay or 0.0,
            bandwidth=options.bandwidth,
        )
        self._random = any(each.kind == "bytes" for each in effects.corrupt)
        self._still = not any(done(effects))

    def draw(self, asked: float | None, draws: Draws) -> ResponseEffects | None:
        """The effects on one response, with the bandwidth that a header *asked* for, if any."""
        effects = self._effects
        if asked is not None:
            effects = replace(effects, bandwidth=asked)
        elif self._still:
            return None
        if self._random:
            seed = draws.number
            return replace(
                effects, corrupt=tuple(replace(each, seed=seed) for each in effects.corrupt)
            )
        return effects


def done(effects: ResponseEffects) -> Iterator[tuple[Kind, str]]:
    """The kinds of *effects*, each with what it is."""
    if effects.set_headers or effects.remove_headers:
        yield "replace", "headers"
    if effects.body is not None:
        yield "replace", "body"
    for each in effects.corrupt:
        yield "corrupt", each.kind
    if effects.truncate is not None:
        yield "truncate", f"{effects.truncate}"
    if effects.chunk_delay:
        yield "chunk_delay", f"{effects.chunk_delay:g}"
    if effects.bandwidth is not None:
        yield "bandwidth", f"{effects.bandwidth:g}"


def merge(effects: Sequence[ResponseEffects]) -> ResponseEffects:
    """
    What several rules do to one response.

    Delays add up, the least bandwidth, chunk and rest of a body count, and of headers
    and bodies what the first rule says.
    """
    if len(effects) == 1:
        return effects[0]
    headers: dict[str, str] = {}
    for each in reversed(effects):
        headers.update(each.set_headers)
    shortest = min(effects, key=lambda each: _or_no_end(each.truncate))
    return ResponseEffects(
        set_headers=headers,
        remove_headers=tuple(name for each in effects for name in each.remove_headers),
        body=next((each.body for each in effects if each.body is not None), None),
        corrupt=tuple(part for each in effects for part in each.corrupt),
        truncate=shortest.truncate,
        silent=shortest.silent,
        chunk_size=min((each.chunk_size for each in effects if each.chunk_size), default=None),
        chunk_delay=sum(each.chunk_delay for each in effects),
        bandwidth=min((each.bandwidth for each in effects if each.bandwidth), default=None),
    )


def _or_no_end(number: int | None) -> float:
    return float("inf") if number is None else number


def _corruptions(options: CorruptFault) -> Iterator[Corruption]:
    # From the inside out: bytes are made wrong in what the others have left.
    if options.field is not None:
        field = options.field
        yield Corruption(
            "field", path=parse_path(field.path), value=field.value, remove=field.remove
        )
    if options.json_:
        yield Corruption("json")
    if options.charset is not None:
        yield Corruption("charset", charset=options.charset)
    if options.gzip:
        yield Corruption("gzip")
    if options.bytes_ is not None:
        yield Corruption("bytes", rate=options.bytes_)
