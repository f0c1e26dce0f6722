"""How much of what could be touched is touched."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


def percentage(value: Any) -> Any:
    """
    Take Istio's `{value: 5}` and Envoy's `{numerator: 5, denominator: HUNDRED}`, too.

    Raises ValueError for a denominator that Envoy does not have.
    """
    if not isinstance(value, dict):
        return value
    if [*value] == ["value"]:
        return value["value"]
    parts = {"denominator": "HUNDRED", **value}
    name, numerator = parts.pop("denominator"), parts.pop("numerator", None)
    if parts or isinstance(numerator, bool) or not isinstance(numerator, int | float):
        raise ValueError("a percentage is a number, {value: 5} or {numerator: 5}")
    if name not in _DENOMINATORS:
        raise ValueError(f"{name!r} is no denominator; known are {', '.join(_DENOMINATORS)}")
    return numerator * 100.0 / _DENOMINATORS[name]


def renamed(value: Any, names: dict[str, str]) -> Any:
    """*value* with keys as *names* has them; ValueError when one is given by two names."""
    if not isinstance(value, dict) or not value.keys() & names.keys():
        return value
    said: dict[Any, Any] = {}
    for key, part in value.items():
        name = names.get(key, key)
        if name in said:
            raise ValueError(f"{key!r} is another name of {name!r}; give one")
        said[name] = part
    return said


Percentage = Annotated[float, BeforeValidator(percentage), Field(ge=0, le=100, allow_inf_nan=False)]
"""From 0 to 100."""
