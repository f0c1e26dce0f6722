"""
The token that attempts show, and what becomes of a call whose token was refused.
"""

from __future__ import annotations

from typing import Any

from .._exceptions import CredentialsError
from ._attempt import Attempt
from ._headers import Triple

_AUTHORIZATION = b"authorization"


def show_token(attempt: Attempt, headers: list[Triple]) -> None:
    """Add the token of the service to *headers*, unless the caller says who he is himself."""
    for _, name, _ in headers:
        if name == _AUTHORIZATION:
            return
    value = attempt.bearer = attempt.call.credentials.header()
    if value is not None:
        headers.append((b"Authorization", _AUTHORIZATION, value))


def check_token(call: Any) -> None:
    """Raise CredentialsError where a call has no token, and its caller no other."""
    keeper = call.credentials
    if keeper.header() is None and _AUTHORIZATION.decode() not in call.request.headers:
        reason = keeper.error or "none came in time"
        raise CredentialsError(
            f"there is no token for calls to {call.service.name!r}: {reason}",
            service=call.service.name,
        )


def may_renew(call: Any, attempt: Attempt, waiter: Any) -> bool:
    """Whether *waiter* is set when there is another token than the one just refused."""
    if call.credentials is None or attempt.bearer is None or not call.replayable:
        return False
    refused = sum(one.status == 401 for one in call.attempts)
    return refused == 1 and bool(call.credentials.refused(attempt.bearer, waiter))


def has_other(call: Any, attempt: Attempt) -> bool:
    """Whether there is time, and another token than that of *attempt*."""
    header = call.credentials.header()
    return header not in (None, attempt.bearer) and call.clock() < call.deadline
