"""What a decision to inject says to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ._injection import Injection
from ._response import ResponseEffects
from ._rule import Rule

Phase = Literal["attempt", "call"]
When = Literal["before", "after"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Wait for *delay* seconds, then answer, raise or go silent, or go on and alter the response.

    *rule* names the rules that act, joined by "+". At most one of *status*, *error* and
    *blackhole* is set: the *abort*. *headers*, *retry_after* (seconds) and *body* belong
    to *status*. *error* is one of `ErrorName`; with *after_bytes* it is raised when so
    many bytes of the real response's body were given. A *blackhole* never answers:
    `connect` until the connect timeout, `read` until the caller's limit.

    *when* `after` sends the request, discards the response and then aborts. *delay_after*
    is waited when the response is there. *response* is done to a response that is
    neither discarded nor replaced.
    """

    rule: str
    delay: float
    status: int | None
    error: str | None
    retry_after: float | None
    body: str
    phase: Phase
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    after_bytes: int | None = None
    blackhole: Literal["connect", "read"] | None = None
    when: When = "before"
    delay_after: float = 0.0
    response: ResponseEffects | None = None
    injections: tuple[Injection, ...] = field(default=(), compare=False)
    # The rules that count this fault as active, emptied by its release.
    active: list[Rule] = field(default_factory=list, repr=False, compare=False)

    @property
    def aborts(self) -> bool:
        """Whether the endpoint's own response never reaches the caller."""
        return self.status is not None or self.error is not None or self.blackhole is not None

    @property
    def kinds(self) -> str:
        """What it does, such as `delay+status`."""
        return "+".join(dict.fromkeys(injection.kind for injection in self.injections))
