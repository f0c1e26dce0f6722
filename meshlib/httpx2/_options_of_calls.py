"""
The keyword arguments of httpx2's request methods, as types.
"""

from __future__ import annotations

from typing import Any, TypedDict

from httpx2._client import UseClientDefault  # httpx2 has no public names for these types
from httpx2._types import (
    AuthTypes,
    CookieTypes,
    HeaderTypes,
    QueryParamTypes,
    RequestContent,
    RequestData,
    RequestExtensions,
    RequestFiles,
    TimeoutTypes,
)


class BuildOptions(TypedDict, total=False):
    """What `build_request` takes."""

    content: RequestContent | None
    data: RequestData | None
    files: RequestFiles | None
    json: Any | None
    params: QueryParamTypes | None
    headers: HeaderTypes | None
    cookies: CookieTypes | None
    timeout: TimeoutTypes | UseClientDefault
    extensions: RequestExtensions | None


class PlainOptions(TypedDict, total=False):
    """What a request without a body takes."""

    params: QueryParamTypes | None
    headers: HeaderTypes | None
    cookies: CookieTypes | None
    auth: AuthTypes | UseClientDefault | None
    follow_redirects: bool | UseClientDefault
    timeout: TimeoutTypes | UseClientDefault
    extensions: RequestExtensions | None


class BodyOptions(PlainOptions, total=False):
    """What a request with a body takes."""

    content: RequestContent | None
    data: RequestData | None
    files: RequestFiles | None
    json: Any | None
