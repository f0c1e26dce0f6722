"""
Answers that say what is wrong, as RFC 9457 has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from ..._exceptions import ConfigurationError


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The answer *status*, for the reason *detail*; *more* are further members."""
    document = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(
        json.dumps(document),  # in ASCII: what is quoted may be no valid Unicode
        status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def invalid(error: ConfigurationError, status: int = 422) -> Response:
    """The answer to what is wrong in itself; `errors` points at the field."""
    if not error.path:
        return problem(status, str(error))
    field, _, inner = error.path.partition(".")
    steps = [field, inner] if inner else [field]
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    found = {"field": error.path, "pointer": f"#{pointer}", "detail": str(error)}
    return problem(status, str(error), errors=[found])
