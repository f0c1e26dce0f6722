"""
What a user may say of the calls that a route takes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .._options import Options
from ._template import parse_template

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_PATHS = ("exact", "prefix", "path_prefix", "template", "regex")


def one_or_many(value: Any) -> Any:
    """Let one stand for a list of one."""
    return value if isinstance(value, list | tuple | set | frozenset) else [value]


def check_regex(value: str | None) -> str | None:
    """Raise ValueError for what is no regular expression."""
    if value is not None:
        try:
            re.compile(value)
        except re.error as exc:
            raise ValueError(f"{value!r} is no regular expression: {exc}") from None
    return value


def header_name(name: str) -> str:
    """*name* in lower case; ValueError when no header can be called that."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header")
    return name.lower()


def _lowered(value: dict[str, TextMatch]) -> dict[str, TextMatch]:
    return {header_name(name): match for name, match in value.items()}


def _methods(value: Any) -> Any:
    names = one_or_many(value)
    return [name.upper() if isinstance(name, str) else name for name in names]


Names = Annotated[frozenset[str], BeforeValidator(one_or_many)]


class TextMatch(Options):
    """
    What the value of a header, cookie or query parameter has to be.

    It is equal to *exact*, begins with *prefix*, matches *regex* as a whole, or is
    *present* at all (false: it is absent). A text alone means *exact*, true and false mean
    *present*, and nothing at all means that it is present. The first three are Istio's
    StringMatch, and case-sensitive as there; Istio says presence by an empty match, too.
    """

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"exact": value}
        if isinstance(value, bool):
            return {"present": value}
        return {"present": True} if value is None or value == {} else value

    @model_validator(mode="after")
    def _one(self) -> TextMatch:
        given = (self.exact, self.prefix, self.regex, self.present)
        if sum(part is not None for part in given) != 1:
            raise ValueError("give one of exact, prefix, regex and present")
        return self

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return check_regex(value)


class PathMatch(Options):
    """
    What the path of a call has to be, without its query, as it is on the wire.

    The two kinds of prefix differ where a word goes on. *prefix* `/users` also takes
    `/users-admin`: it is Istio's `uri.prefix`, and as in Envoy compares text. *path_prefix*
    `/users` takes `/users`, `/users/` and `/users/7` but not `/users-admin`: it is the
    Gateway API's `PathPrefix`, which compares whole segments and ignores a slash at its end.

    *template* such as `/users/{id}` takes any text without a slash for `{id}`, and all the
    rest for `{rest=**}` at the end, as Envoy's URI templates do. *regex* has to match the
    whole path, as in Istio, but is Python's rather than RE2: one that backtracks takes its
    time. What these two capture is there for rewrites. *ignore_case* is Istio's
    `ignoreUriCase`.

    A text alone means *template* when it has braces, else *exact*.
    """

    exact: str | None = None
    prefix: str | None = None
    path_prefix: str | None = None
    template: str | None = None
    regex: str | None = None
    ignore_case: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"template" if "{" in value else "exact": value}
        return value

    @field_validator("exact", "prefix", "path_prefix", "template")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is no path; it begins with a slash")
        if value is not None and ("?" in value or "#" in value):
            raise ValueError(f"{value!r} is more than a path; parameters are matched by query")
        return value

    @field_validator("template")
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value is not None:
            parse_template(value)
        return value

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return check_regex(value)

    @model_validator(mode="after")
    def _one(self) -> PathMatch:
        if sum(getattr(self, name) is not None for name in _PATHS) != 1:
            raise ValueError("give one of exact, prefix, path_prefix, template and regex")
        if self.regex is not None and self.ignore_case:
            raise ValueError("ignore_case does not go with regex; begin it with (?i)")
        return self

    @property
    def captures(self) -> frozenset[str]:
        """Names of what it captures."""
        if self.template is not None:
            return frozenset(parse_template(self.template).names)
        return frozenset(re.compile(self.regex or "").groupindex)


class RouteMatch(Options):
    """
    What has to be true of a call, all of it; what is not named is true of every call.

    As Istio's HTTPMatchRequest and the Gateway API's HTTPRouteMatch, less what a call from
    inside a process does not have: its scheme, port and authority are those of the service.
    """

    method: Annotated[frozenset[str], BeforeValidator(_methods)] = frozenset()
    """One, or a list of which any does."""
    path: PathMatch | None = None
    headers: dict[str, TextMatch] = {}
    """By name, in any case. A header that is repeated has its values joined by `, `."""
    without_headers: dict[str, TextMatch] = {}
    """What must not match: Istio's `withoutHeaders`."""
    query: dict[str, TextMatch] = {}
    """By name; of a parameter that is repeated the first counts, as in the Gateway API."""
    cookies: dict[str, TextMatch] = {}
    caller: Names = frozenset()
    """Names of calling meshes, one or a list; `source` means the same, as in fault rules."""
    tenant: Names = frozenset()
    """Tenants that the call is made for, one or a list."""
    percentage: Annotated[float, Field(ge=0, le=100)] = 100.0
    """
    How many of the calls that are left, of 100. With the route's `key` it is the same users
    that are taken, and still are when it grows; else each call draws.
    """

    @model_validator(mode="before")
    @classmethod
    def _source(cls, value: Any) -> Any:
        if isinstance(value, dict) and "source" in value:
            if "caller" in value:
                raise ValueError("caller and source mean the same; give one of them")
            value = {("caller" if key == "source" else key): said for key, said in value.items()}
        return value

    @field_validator("headers", "without_headers")
    @classmethod
    def _header_names(cls, value: dict[str, TextMatch]) -> dict[str, TextMatch]:
        return _lowered(value)
