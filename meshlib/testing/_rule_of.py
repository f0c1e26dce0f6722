"""From the few words of a test to a fault rule."""

from __future__ import annotations

from typing import Any

from .._exceptions import ConfigurationError
from .._problems import nearest
from ..faults import FaultRule

_ABORT = frozenset({"status", "error", "blackhole", "retry_after", "after"})
_RESPONSE = frozenset({"chunk_delay", "chunk_size", "bandwidth", "truncate", "silent", "corrupt"})
_MATCH = frozenset({"source", "endpoint", "subset", "method", "path", "query", "tenant", "route"})
_RULE = frozenset(FaultRule.model_fields) - {"name"}
_EITHER = frozenset({"headers", "body"})
"""Of an abort's response where there is a status, else of the endpoint's own."""


def rule_of(name: str, service: str | None, times: int | None, given: dict[str, Any]) -> FaultRule:
    """
    The rule called *name* that acts on calls to *service*, *times* times at the most.

    *given* are fields of a `FaultRule`, or of its match, abort and response, which need no
    brackets of their own: `status=503, method="POST"`. Raises ConfigurationError.
    """
    rule: dict[str, Any] = {"name": name, "max_total": times}
    match = {"service": service, **(given.pop("match", None) or {})}
    abort = _part(given.pop("abort", None))
    response = _part(given.pop("response", None))
    if "status" in given or not _EITHER & given.keys():
        framed = abort
    else:
        framed = response
    for key, value in given.items():
        if key in _ABORT:
            abort[key] = value
        elif key in _RESPONSE:
            response[key] = value
        elif key in _MATCH:
            match[key] = value
        elif key in _EITHER:
            framed[key] = {"set": value} if framed is response and key == "headers" else value
        elif key in _RULE:
            rule[key] = value
        else:
            raise _unknown(key)
    if abort:
        rule["abort"] = abort
    if response:
        rule["response"] = response
    delay = rule.get("delay")
    if isinstance(delay, int | float | str):
        rule["delay"] = {"fixed": delay}
    return FaultRule.model_validate({**rule, "match": match})


def _part(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return dict(value) if isinstance(value, dict) else value.model_dump(exclude_unset=True)


def _unknown(key: str) -> ConfigurationError:
    known = sorted(_ABORT | _RESPONSE | _MATCH | _EITHER | _RULE | {"times", "unused"})
    return ConfigurationError(
        f"unknown option {key!r} of a fault", path=key, hint=nearest(key, known) or ", ".join(known)
    )


def name_of(service: str | None, given: dict[str, Any]) -> str:
    """What a rule is called that was given no name: `payments 503`."""
    what = [str(given[key]) for key in ("status", "error") if key in given]
    if not what:
        what = [key for key in given if key in (_ABORT | _RESPONSE | _RULE) - {"phase", "when"}]
    return " ".join([service or "any service", *what[:1]])
