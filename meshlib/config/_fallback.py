"""
What a service answers when its calls fail, as a document can say it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import httpx
from pydantic import Field, model_validator

from .._options import Options, PositiveDuration


class FallbackOptions(Options):
    """
    The answer to a call that failed for good.

    Either a response, made of *status*, *headers* and *json* or *text*; or, with *cached*,
    the last good response to the same request if it is not older than so many seconds. A
    call for which nothing is cached fails as without a fallback.
    """

    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: dict[str, str] = {}
    # Not named `json`, since pydantic has an attribute of that name.
    json_: Any = Field(default=None, alias="json")
    text: str | None = None
    cached: PositiveDuration | None = None
    cached_size: Annotated[int, Field(ge=1)] = 1000
    """Responses kept at the most; the one not used for longest leaves first."""

    @model_validator(mode="after")
    def _one_answer(self) -> FallbackOptions:
        given = self.model_fields_set
        if "json_" in given and self.text is not None:
            raise ValueError("give one of json and text")
        if self.cached is not None and given & {"status", "headers", "json_", "text"}:
            raise ValueError("cached answers with what the service said; it takes nothing else")
        if "json_" in given:
            try:  # here rather than when it is needed
                json.dumps(self.json_)
            except TypeError as exc:
                raise ValueError(f"json cannot be written: {exc}") from None
        return self

    def response(self, kind: Callable[..., Any] = httpx.Response) -> Any:
        """A new response that answers a failed call, of the library whose class *kind* is."""
        if "json_" in self.model_fields_set:
            # httpx takes None for no body, and it is one: `null`.
            body = json.dumps(self.json_, ensure_ascii=False, separators=(",", ":"))
            headers = {"content-type": "application/json", **self.headers}
            return kind(self.status, headers=headers, content=body)
        return kind(self.status, headers=self.headers, text=self.text)
