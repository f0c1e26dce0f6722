"""Where a user may break something on purpose."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Options


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _values(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    read = {name: tuple(_many(texts)) if _listed(texts) else texts for name, texts in value.items()}
    for name, texts in read.items():
        for text in texts if isinstance(texts, tuple) else (texts,):
            if not isinstance(text, str):
                # 1.10 without quotes is the number 1.1, and not the version that was meant.
                raise ConfigurationError(
                    f"metadata is text, not {text!r}", path=str(name), hint="put it in quotes"
                )
        if not texts:
            raise ConfigurationError("name at least one value", path=str(name))
    return read


def _listed(value: Any) -> bool:
    return isinstance(value, str | list | tuple | set | frozenset)


Names = Annotated[frozenset[str], BeforeValidator(_many)]
"""One name or several, of which any does; none is all."""

Metadata = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_values)]
"""By name of the metadata: the value an endpoint must have, or a list of which any does."""


class TextMatch(Options):
    """
    A text is equal to *exact*, begins with *prefix*, or matches *regex* as a whole.

    Case-sensitive, as Istio's StringMatch. *present* asks whether there is any at all. A
    text alone means *exact*, true and false mean *present*.
    """

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {"present": value}
        return {"exact": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> TextMatch:
        given = (self.exact, self.prefix, self.regex, self.present)
        if sum(part is not None for part in given) != 1:
            raise ValueError("give one of exact, prefix, regex and present")
        return self

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as exc:
                raise ValueError(f"{value!r} is no regular expression: {exc}") from None
        return value


class FaultMatch(Options):
    """
    Which attempts a rule applies to; what is not named matches everything.

    *source* and *service* are the two ends of an edge: who calls, and who is called.
    Names of *headers* ignore case.
    """

    service: str | None = None
    source: str | None = None
    """The name of the mesh that calls."""
    endpoint: str | None = None
    """A URL, or `host:port` for any scheme."""
    subset: Metadata = {}
    """Metadata that the endpoint has, such as `{version: v2}`."""
    method: frozenset[str] = frozenset()
    path: TextMatch | None = None
    """The path of the request, without its query."""
    headers: dict[str, TextMatch] = {}
    query: dict[str, TextMatch] = {}
    """By parameter, decoded; of one that is there more than once, the first counts."""
    tenant: Names = frozenset()
    """For whom the call is made."""
    route: str | None = None
    """The name of a route, alone or as `service/route`."""

    @field_validator("method", mode="before")
    @classmethod
    def _methods(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [value.upper()]
        if not isinstance(value, Collection):
            return value
        return [name.upper() if isinstance(name, str) else name for name in value]

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            # Reading the port raises ValueError where it is none.
            _ = urlsplit(value if "://" in value else f"//{value}").port
        return value
