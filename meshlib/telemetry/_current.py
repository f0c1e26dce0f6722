"""
The context of OpenTelemetry that is current: reading, attaching and detaching it.

What `opentelemetry.context` has for this goes through two functions to one method of a
context variable. They are most of what a trace costs a request that nothing traces, so
that the methods of the variable are taken where it is there, and those functions where
another implementation keeps the context.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.context import Context

Access = tuple[
    Callable[[], Context],
    Callable[[Context], Token[Context]],
    Callable[[Token[Context]], None],
]


def access(api: Any) -> Access:
    """What gets, attaches and detaches the current context in the way of *api*, or quicker."""
    runtime = getattr(api, "_RUNTIME_CONTEXT", None)
    variable = getattr(runtime, "_current_context", None)
    if type(runtime).__name__ == "ContextVarsRuntimeContext" and isinstance(variable, ContextVar):
        return variable.get, variable.set, variable.reset
    return api.get_current, api.attach, api.detach


current, attach, detach = access(contexts)
