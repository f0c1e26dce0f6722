"""Which fault rules can act on a request that is served."""

from __future__ import annotations

from .._exceptions import ConfigurationError
from ..faults import FaultRule


def inbound_rule(rule: FaultRule) -> FaultRule:
    """
    *rule* as it acts on a request that is served, which is one call and has no attempts.

    Raises ConfigurationError for what only whoever calls can imitate.
    """
    for name in ("service", "source", "endpoint", "subset", "route"):
        if getattr(rule.match, name):
            raise ConfigurationError(
                "this is of calls that are made, not of requests that are served",
                path=f"match.{name}",
            )
    if rule.response is not None:
        raise ConfigurationError("a response that is served is not altered", path="response")
    if rule.when == "after":
        raise ConfigurationError("a request that is served is broken before", path="when")
    abort = rule.abort
    if abort is not None and abort.status is None and not abort.header:
        raise ConfigurationError("only a status can be answered here", path="abort")
    return rule.model_copy(update={"phase": "call"})
