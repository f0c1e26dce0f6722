"""
Values of answers as telemetry may show them: short, and without secrets.
"""

from __future__ import annotations

import json
from typing import Any

from ..._redact import names_secret, redacted_value
from ._json import MISSING

_LONGEST = 100
"""Characters of a value; the rest is left out."""
_HIDDEN = "REDACTED"


def shown_text(name: str, value: str | None) -> str:
    """The value of what is called *name*; None is `missing`."""
    if value is None:
        return "missing"
    return _HIDDEN if names_secret(name) else shortened(redacted_value(value))


def shown_json(steps: tuple[str, ...], value: Any) -> str:
    """The JSON *value* of the place that *steps* lead to."""
    if value is MISSING:
        return "missing"
    if any(map(names_secret, steps)):
        return _HIDDEN
    return shortened(json.dumps(_plain(value), ensure_ascii=False))


def shortened(text: str) -> str:
    """*text*, or its beginning."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redacted_value(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _HIDDEN if names_secret(key) else _plain(item) for key, item in value.items()}
    return value
