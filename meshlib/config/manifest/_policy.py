"""
The policy of a manifest: how an endpoint is selected, and how it is called.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, PlainValidator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options
from ..._problems import Problem, error_of, nearest, problems_of
from ...balancing import BalancerName
from .._service import ServiceConfig

SELECTIONS: dict[str, dict[str, Any]] = {
    "cost": {"prefer": ("cost",)},
    "latency": {"balancer": {"name": "least_response_time"}},
    "locality": {"prefer": ("locality",)},
    "weight": {"balancer": {"name": "weighted"}},
}
"""What each selection means in a document, but for the kinds, which stay levels."""

OWN = ("selection", "retries")
"""Keys of a policy that a service does not have."""
BESIDE = ("aliases", "discovery", "endpoints", "health_check", "manifest")
"""Keys of a service that a manifest has itself."""


def _selection(value: Any) -> Any:
    if callable(value) or callable(getattr(value, "pick", None)):
        return value
    names = (*SELECTIONS, *get_args(BalancerName))
    if value in names:
        return value
    if isinstance(value, str) and ":" in value:
        return imported(value)
    raise ConfigurationError(
        f"{value!r} is no selection; known are {', '.join(names)}, and 'module:name' for a "
        "function of yours",
        hint=nearest(value, names),
    )


def imported(reference: str) -> Any:
    """What *reference*, `module:name`, leads to: a function, or an object with `pick`."""
    module, _, name = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigurationError(f"{reference!r} cannot be imported: {exc}") from exc
    if isinstance(found, type) or not (callable(found) or callable(getattr(found, "pick", None))):
        raise ConfigurationError(
            f"{reference!r} is neither a function nor an object with `pick`",
            hint="name a function that takes the candidates and what is known of the call",
        )
    return found


class PolicyOptions(Options):
    """
    How one of the endpoints is selected, and how it is called.

    In a manifest these keys, and those of a service in a document but for the ones that
    the manifest has itself, which make up *service*.
    """

    selection: Annotated[Any, PlainValidator(_selection)] = None
    """
    `latency`, `locality`, `weight`, `cost`, the name of a balancer, or `module:name` for a
    function; null is as without a manifest: fewest calls in flight.
    """
    retries: Annotated[int, Field(ge=0, le=99)] | None = None
    """Attempts after the first; short for `retry: {max_attempts: ...}`, which counts it."""
    service: ServiceConfig = ServiceConfig()

    @model_validator(mode="after")
    def _said_once(self) -> PolicyOptions:
        said = self.service.model_fields_set
        for key in self.meaning():
            if key in said:
                raise ConfigurationError(f"give selection or {key}, not both", path="selection")
        if self.retries is not None and "max_attempts" in self.service.retry.model_fields_set:
            raise ConfigurationError("give retries or retry.max_attempts", path="retries")
        return self

    def meaning(self) -> dict[str, Any]:
        """What the selection means in a document."""
        if self.selection is None:
            return {}
        if not isinstance(self.selection, str):
            return {"balancer": self.selection}
        return SELECTIONS.get(self.selection, {"balancer": {"name": self.selection}})


def policy_of(value: Any) -> PolicyOptions:
    """The policy that *value* says; raises ConfigurationError."""
    if value is None:
        return PolicyOptions()
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"settings are needed here, not {value!r}")
    known = (*OWN, *(key for key in ServiceConfig.model_fields if key not in BESIDE))
    problems: list[Problem] = []
    for key in value:
        if key in BESIDE:
            problems.append(Problem((key,), "this stands beside the policy, not in it"))
        elif key not in known:
            hint = nearest(key, known) or f"known are {', '.join(known)}"
            problems.append(Problem((str(key),), f"unknown key {key!r}", hint))
    said = {key: part for key, part in value.items() if key in OWN}
    try:
        service = {key: part for key, part in value.items() if key in known and key not in OWN}
        said["service"] = ServiceConfig.model_validate(service)
    except ConfigurationError as exc:
        problems += problems_of(exc)
    try:
        policy = PolicyOptions.model_validate(said)
    except ConfigurationError as exc:
        problems += problems_of(exc)
    if problems:
        raise error_of(problems)
    return policy
