"""
The keyword arguments of httpx's request methods, as types.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, MutableMapping, Sequence
from http.cookiejar import CookieJar
from typing import Any, TypedDict

import httpx
from httpx._client import UseClientDefault  # the sentinel's type has no public name

Params = (
    httpx.QueryParams
    | Mapping[str, Any]
    | list[tuple[str, Any]]
    | tuple[tuple[str, Any], ...]
    | str
    | bytes
)
HeaderInput = (
    httpx.Headers
    | Mapping[str, str]
    | Mapping[bytes, bytes]
    | Sequence[tuple[str, str]]
    | Sequence[tuple[bytes, bytes]]
)
CookieInput = httpx.Cookies | CookieJar | dict[str, str] | list[tuple[str, str]]
AuthInput = tuple[str | bytes, str | bytes] | Callable[[httpx.Request], httpx.Request] | httpx.Auth
TimeoutInput = float | tuple[float | None, float | None, float | None, float | None] | httpx.Timeout
Content = str | bytes | Iterable[bytes] | AsyncIterable[bytes]


class PlainOptions(TypedDict, total=False):
    """What a request without a body takes."""

    params: Params | None
    headers: HeaderInput | None
    cookies: CookieInput | None
    auth: AuthInput | UseClientDefault | None
    follow_redirects: bool | UseClientDefault
    timeout: TimeoutInput | UseClientDefault | None
    extensions: MutableMapping[str, Any] | None


class BodyOptions(PlainOptions, total=False):
    """What a request with a body takes."""

    content: Content | None
    data: Mapping[str, Any] | None
    files: Any
    json: Any


class BuildOptions(TypedDict, total=False):
    """What `build_request` takes."""

    content: Content | None
    data: Mapping[str, Any] | None
    files: Any
    json: Any
    params: Params | None
    headers: HeaderInput | None
    cookies: CookieInput | None
    timeout: TimeoutInput | UseClientDefault | None
    extensions: MutableMapping[str, Any] | None
