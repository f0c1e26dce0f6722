"""What a user may do to a response that does come."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from .._options import Options, PositiveDuration
from ._path import parse_path
from ._share_options import Percentage

_SHORT: dict[str, dict[str, Any]] = {
    "bytes": {"bytes": 0.01},
    "json": {"json": True},
    "charset": {"charset": "utf-16"},
    "gzip": {"gzip": True},
}


class FieldFault(Options):
    """
    Put *value* in the place of one field of a JSON body, or *remove* it.

    *path* is as `order.items[0].price`; `*` and `[*]` are all. What is not there stays
    away. The default is to put null.
    """

    path: str
    value: Any = None
    remove: bool = False

    @field_validator("path")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_path(value)
        return value

    @model_validator(mode="after")
    def _one(self) -> FieldFault:
        if self.remove and "value" in self.model_fields_set:
            raise ValueError("give one of value and remove")
        return self


class CorruptFault(Options):
    """
    Make a body wrong, in one way or in several.

    A name alone is that way with its usual setting: `json`, `gzip`, `charset` (UTF-16) or
    `bytes` (one in a hundred). A body that is compressed otherwise than by gzip or
    deflate can only have wrong bytes.
    """

    bytes_: Annotated[float | None, Field(alias="bytes", gt=0, le=1)] = None
    """The share of the bytes that are changed, each by itself; a small body may escape."""
    json_: Annotated[bool, Field(alias="json")] = False
    """No valid JSON is left."""
    charset: str | None = None
    """The text is in this encoding, while the header says what it said."""
    gzip: bool = False
    """The body says that it is compressed by gzip, and is not."""
    field: FieldFault | None = None
    """One field of a JSON body is another, or away."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in _SHORT:
            raise ValueError(f"{value!r} is not known; known are {', '.join(_SHORT)}")
        return _SHORT[value]

    @field_validator("charset")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                # Some of Python's codecs are none of texts, or none of long ones.
                ("\u00e4" * 100).encode(value, errors="replace")
            except (LookupError, ValueError):
                raise ValueError(f"{value!r} is no encoding that Python knows") from None
        return value

    @model_validator(mode="after")
    def _any(self) -> CorruptFault:
        ways = (self.bytes_, self.json_, self.charset, self.gzip, self.field)
        if not any(ways):
            raise ValueError("give one of bytes, json, charset, gzip and field")
        return self


class HeaderFault(Options):
    """Headers of a response to *set*, whether they are there or not, and to *remove*."""

    set_: Annotated[dict[str, str], Field(alias="set")] = {}
    remove: tuple[str, ...] = ()


class ResponseFault(Options):
    """
    Alter the response of the endpoint, or slow it down.

    Together with an abort that is drawn, too, it does nothing: there is no response.
    """

    percentage: Percentage = 100.0
    chunk_delay: PositiveDuration | None = None
    """Seconds before each chunk of the body."""
    chunk_size: Annotated[int, Field(ge=1)] | None = None
    """Bytes of a chunk at most; by default as they come."""
    bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Bytes of the body per second."""
    header: bool = False
    """
    The bandwidth that the request asks for: `x-envoy-fault-throughput-response` in KiB per
    second, and its `-percentage` where that is lower.
    """
    truncate: Annotated[int, Field(ge=0)] | None = None
    """Bytes of the body after which the connection closes."""
    silent: bool = False
    """A truncated body ends as if it were whole."""
    corrupt: CorruptFault | None = None
    headers: HeaderFault | None = None
    body: str | None = None
    """What comes instead of the endpoint's body."""

    @model_validator(mode="after")
    def _does_something(self) -> ResponseFault:
        names = ("chunk_delay", "bandwidth", "truncate", "corrupt", "headers", "body")
        if all(getattr(self, name) is None for name in names) and not self.header:
            raise ValueError(f"give one of {', '.join(names)} and header")
        if self.silent and self.truncate is None:
            raise ValueError("silent goes with truncate")
        if self.header and self.bandwidth is not None:
            raise ValueError("give one of bandwidth and header")
        return self
