"""
What a user may have a route change, or answer instead of the service.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .._options import Options
from ._match_options import check_regex, header_name, one_or_many
from ._template import parse_template

_AUTHORITY = re.compile(r"[!-.0-~]+")  # printable ASCII without blanks and slashes
_PORT = re.compile(r":\d+$")
_TARGET = re.compile(r"/[^\s\x00-\x20\x7f]*")
_FIELD_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_FRAMING = {"connection", "content-length", "transfer-encoding", "upgrade"}
_CODES = (301, 302, 303, 307, 308)
_KINDS = ("path", "prefix", "template", "regex")


def _headers(value: dict[str, str]) -> dict[str, str]:
    checked = {}
    for name, text in value.items():
        lowered = _changeable(name)
        if not _FIELD_VALUE.fullmatch(text):
            raise ValueError(f"{text!r} cannot be the value of a header")
        checked[lowered] = text
    return checked


def _changeable(name: str) -> str:
    lowered = header_name(name)
    if lowered == "host":
        raise ValueError("host is changed by rewrite.authority")
    if lowered in _FRAMING:
        raise ValueError(f"{lowered} belongs to the connection, and cannot be changed")
    return lowered


def _authority(value: str | None) -> str | None:
    if value is not None and not _AUTHORITY.fullmatch(value):
        raise ValueError(f"{value!r} cannot be a Host header; write a host, or host:port")
    return value


class HeaderOperations(Options):
    """
    How the headers of a request or response change: Istio's HeaderOperations.

    What is in *remove* goes first, then each of *set* takes the place of what has its
    name, then *add* puts one beside it. Names ignore case. Values are plain text: Envoy's
    `%...%` means nothing here.
    """

    set: dict[str, str] = {}
    add: dict[str, str] = {}
    remove: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()

    @field_validator("set", "add")
    @classmethod
    def _headers(cls, value: dict[str, str]) -> dict[str, str]:
        return _headers(value)

    @field_validator("remove")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_changeable, value))


class HeadersOptions(Options):
    """Changes to the headers of requests and of responses: Istio's Headers."""

    request: HeaderOperations = HeaderOperations()
    response: HeaderOperations = HeaderOperations()


class RegexRewrite(Options):
    r"""
    Replaces every part of the path that *match* fits by *rewrite*: Istio's RegexRewrite.

    *rewrite* may use groups as `\1` or `\g<name>`.
    """

    match: str
    rewrite: str

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        check_regex(value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> RegexRewrite:
        try:
            re.compile(self.match).sub(self.rewrite, "")
        except (re.error, IndexError) as exc:
            raise ValueError(f"{self.rewrite!r} does not fit the match: {exc}") from None
        return self


class PathChange(Options):
    """
    What becomes of a path: at most one of these, and none leaves it as it is.

    *path* replaces all of it: the Gateway API's ReplaceFullPath. *prefix* replaces the
    prefix that was matched: its ReplacePrefixMatch, and Istio's `rewrite.uri` of a prefix.
    *template* is filled with what the matched template or regular expression captured.
    *regex* is Istio's `uriRegexRewrite`.
    """

    path: str | None = None
    prefix: str | None = None
    template: str | None = None
    regex: RegexRewrite | None = None

    @field_validator("path", "prefix", "template")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        # The Gateway API takes an empty prefix for a slash.
        if value and not _TARGET.fullmatch(value):
            raise ValueError(f"{value!r} is no path; it begins with a slash and has no blanks")
        return value

    @field_validator("template")
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value is not None:
            template = parse_template(value)
            if template.rest:
                raise ValueError("what is filled in is written as {name}")
        return value

    @model_validator(mode="after")
    def _at_most_one(self) -> PathChange:
        if sum(getattr(self, name) is not None for name in _KINDS) > 1:
            raise ValueError("give one of path, prefix, template and regex")
        if self.path == "" or self.template == "":
            raise ValueError("a path is at least a slash")
        return self


class RewriteOptions(PathChange):
    """
    What a request asks an endpoint for, rather than what the caller asked.

    Istio's HTTPRewrite and the Gateway API's URLRewrite. The query stays. The caller's
    request does not change: redirects and cookies speak of the path it asked for.
    """

    authority: str | None = None
    """The Host header and TLS name."""

    @field_validator("authority")
    @classmethod
    def _is_authority(cls, value: str | None) -> str | None:
        return _authority(value)

    @field_validator("path", "prefix", "template")
    @classmethod
    def _no_query(cls, value: str | None) -> str | None:
        if value is not None and ("?" in value or "#" in value):
            raise ValueError(f"{value!r} is more than a path; the query stays as it is")
        return value


class RedirectOptions(PathChange):
    """
    Answers with another URL: Istio's HTTPRedirect, the Gateway API's RequestRedirect.

    What is not said stays as the call had it. The query stays too, unless *path* brings
    its own. A *port* that is not said is the call's, or with *scheme* or *authority* the
    one that goes without saying.
    """

    authority: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    scheme: Literal["http", "https"] | None = None
    code: Literal[301, 302, 303, 307, 308] = 301
    """Istio's default; with 301, 302 and 303 a client goes on with GET."""

    @field_validator("code", mode="before")
    @classmethod
    def _redirects(cls, value: Any) -> Any:
        if value not in _CODES:
            raise ValueError(f"a redirect is one of {_CODES}, not {value!r}")
        return value

    @field_validator("authority")
    @classmethod
    def _is_authority(cls, value: str | None) -> str | None:
        return _authority(value)

    @model_validator(mode="after")
    def _goes_elsewhere(self) -> RedirectOptions:
        if not self.model_fields_set - {"code"}:
            raise ValueError("say where to; it would come back to where it was")
        if self.port is not None and _PORT.search(self.authority or ""):
            raise ValueError("authority has a port already")
        return self


class DirectResponseOptions(Options):
    """
    Answers without asking the service: Istio's HTTPDirectResponse.

    Either *body*, a text, or *json*, any value; without them the body is empty.
    """

    status: Annotated[int, Field(ge=200, le=599)]
    body: str | None = None
    # Not named `json`, since pydantic has an attribute of that name.
    json_: Any = Field(default=None, alias="json")
    headers: dict[str, str] = {}

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, str]) -> dict[str, str]:
        return _headers(value)

    @model_validator(mode="after")
    def _one_body(self) -> DirectResponseOptions:
        if "json_" in self.model_fields_set:
            if self.body is not None:
                raise ValueError("give one of body and json")
            json.dumps(self.json_, allow_nan=False)  # raises here rather than when it is needed
        return self


class DenyOptions(Options):
    """
    Refuses the call, which then fails with RouteDeniedError; nothing is sent.

    In a document also `deny: true`, or the reason alone.
    """

    reason: str = "a route denies this call"
    """What the error says."""
    status: Annotated[int, Field(ge=400, le=599)] = 403
    """What a server that passes the refusal on should answer."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if value is True:
            return {}
        return {"reason": value} if isinstance(value, str) else value
