"""What a user may say of the requests that this process serves."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from .._exceptions import ConfigurationError
from .._options import Options
from ..bulkhead.limits import ConcurrencyOptions
from ..faults import FaultRule
from ..security.authorization import AuthorizationOptions
from ..security.tokens import TokenVerificationOptions
from ._deadline_options import InboundDeadlineOptions
from ._fault_rules import inbound_rule
from ._trust_options import InboundTrustOptions


class InboundOptions(Options):
    """Requests that this process serves: their time, whom they may trust, who is let in."""

    deadline: InboundDeadlineOptions = InboundDeadlineOptions()
    """How long a request may take."""
    concurrency: ConcurrencyOptions | None = None
    """How many are served at once, and who goes first; null, the default, is no limit."""
    trust: InboundTrustOptions = InboundTrustOptions()
    """Whose headers may grant something."""
    retry_allowance: bool = True
    """
    Whether calls made for a request that is itself a retry are tried once. Else each layer
    multiplies the attempts of the one above, and an overload feeds itself.
    """
    authorization: AuthorizationOptions | None = None
    """Who may call what here; null: everybody may."""
    tokens: TokenVerificationOptions | None = None
    """What a caller's token has to be; null: tokens are not looked at."""
    faults: tuple[FaultRule, ...] = ()
    """What to break on purpose; each rule delays, or answers with a status."""
    load_reports: Literal["trusted", "anybody", "never"] = "trusted"
    """Who is told how loaded this process is, of those that ask: balancers that learn from it."""
    access_log: bool = False
    """Whether the logger `meshlib.access` gets a line of JSON for each request."""

    @field_validator("faults")
    @classmethod
    def _of_requests(cls, value: tuple[FaultRule, ...]) -> tuple[FaultRule, ...]:
        names = [rule.name for rule in value]
        for n, rule in enumerate(value):
            if rule.name in names[:n]:
                raise ConfigurationError(f"there are two rules {rule.name!r}", path=f"[{n}].name")
            try:
                inbound_rule(rule)
            except ConfigurationError as exc:
                message = str(exc).removeprefix(f"{exc.path}: ")
                raise ConfigurationError(message, path=f"[{n}].{exc.path}") from None
        return value
