"""
What was known of a service before the registry lost its database.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..._models import Endpoint
from ._parse import Answer


@dataclass(frozen=True, slots=True)
class Memory:
    """
    The endpoints of one service, across connections and databases. Pure.

    A list of another database than before says nothing of those whom it lacks: they may be
    about to register again. So these are kept until *until*, or until the new list has
    had them once.
    """

    epoch: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    kept: tuple[Endpoint, ...] = ()
    until: float = 0.0

    def after(self, answer: Answer, now: float, grace: float) -> Memory:
        """What is known after *answer*; a change of the database is forgiven for *grace* s."""
        kept, until = self.kept, self.until
        if self.epoch and answer.epoch != self.epoch:
            kept, until = self.view(now), now + grace
        if kept:
            here = {endpoint.address for endpoint in answer.endpoints}
            kept = tuple(one for one in kept if one.address not in here)
        return Memory(answer.epoch, answer.endpoints, kept, until)

    def view(self, now: float) -> tuple[Endpoint, ...]:
        """The endpoints to use at *now*."""
        if not self.kept or now >= self.until:
            return self.endpoints
        return (*self.endpoints, *self.kept)
