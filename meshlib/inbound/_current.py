"""What calls made for a request find around them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._context import (
    ServedRequest,
    ambient_deadline,
    client_ip,
    served_request,
    tenants,
)

if TYPE_CHECKING:
    from ._arrival import Arrival


class Current(AbstractContextManager[ServedRequest]):
    """
    Makes what *arrival* knows of its request hold for the calls made inside the block.

    Its trace goes on there, too. A deadline that is around already stays in force where it
    is the nearer one. To be left where it was entered: in the same task, or with the same
    copied context.
    """

    # A class, because a generator costs as much as all that it would do here.
    __slots__ = ("_arrival", "_client_ip", "_deadline", "_served", "_tenants", "_trace")

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._tenants: Token[tuple[str, ...]] | None = None
        self._deadline: Token[float | None] | None = None
        self._trace: Any = None

    def __enter__(self) -> ServedRequest:
        arrival = self._arrival
        served = arrival.served
        self._served = served_request.set(served)
        self._client_ip = client_ip.set(arrival.client_ip)
        if arrival.tenant is not None:
            self._tenants = tenants.set((arrival.tenant, *tenants.get()))
        deadline = arrival.deadline
        if deadline is not None:
            outer = ambient_deadline.get()
            if outer is None or deadline < outer:
                self._deadline = ambient_deadline.set(deadline)
        if arrival.trace is not None:
            self._trace = arrival.trace.attach()
        return served

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        served_request.reset(self._served)
        client_ip.reset(self._client_ip)
        if self._tenants is not None:
            tenants.reset(self._tenants)
        if self._deadline is not None:
            ambient_deadline.reset(self._deadline)
        if self._trace is not None:
            assert self._arrival.trace is not None
            self._arrival.trace.detach(self._trace)
