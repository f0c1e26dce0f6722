"""What calls made for a request find around them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from .._context import (
    ServedRequest,
    ambient_deadline,
    client_ip,
    served_request,
    tenants,
)
from ..telemetry import ServedTrace


class Current(AbstractContextManager[ServedRequest]):
    """
    Makes *served* the request that is served inside its block, and *deadline* the calls'.

    *trace* goes on there, too. A deadline that is around already stays in force where it
    is the nearer one. To be left where it was entered: in the same task, or with the same
    copied context.
    """

    # A class, because a generator costs as much as all that it would do here.
    __slots__ = ("_deadline", "_served", "_tokens", "_trace")

    def __init__(
        self, served: ServedRequest, deadline: float | None, trace: ServedTrace | None
    ) -> None:
        self._served = served
        self._deadline = deadline
        self._tokens: list[tuple[ContextVar[Any], Token[Any]]] = []
        self._trace: AbstractContextManager[Any] | None = None
        if trace is not None:
            self._trace = trace.current()

    def __enter__(self) -> ServedRequest:
        served, deadline, tokens = self._served, self._deadline, self._tokens
        tokens.append((served_request, served_request.set(served)))
        tokens.append((client_ip, client_ip.set(served.client_ip)))
        if served.tenant is not None:
            tokens.append((tenants, tenants.set((served.tenant, *tenants.get()))))
        if deadline is not None:
            outer = ambient_deadline.get()
            if outer is None or deadline < outer:
                tokens.append((ambient_deadline, ambient_deadline.set(deadline)))
        if self._trace is not None:
            self._trace.__enter__()
        return served

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._trace is not None:
            self._trace.__exit__(kind, error, traceback)
        while self._tokens:
            variable, token = self._tokens.pop()
            variable.reset(token)
