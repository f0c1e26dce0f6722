"""
Who calls, and whether it may.

Only what was verified counts: the certificate of the connection, and a token. No other
header says who somebody is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from ..security.identity import PeerIdentity
from ..security.tokens import TokenRefusal, TokenVerifier
from ._headers import AUTHORIZATION, Found
from ._refusal import Refusal, problem


class Caller(NamedTuple):
    """
    Who was verified: all *names* of one peer, the first of which stands for it.

    *refusal* is set when a token is not good, and *detail* says what is wrong with it.
    """

    names: tuple[str, ...] = ()
    refusal: Refusal | None = None
    detail: str = ""


NOBODY = Caller()


def identify(identity: PeerIdentity | None, tokens: TokenVerifier | None, found: Found) -> Caller:
    """
    Who calls: by the *identity* of its certificate, and by the token that *found* holds.

    A peer with both has the names of both, the certificate's first. Never raises.
    """
    names: tuple[str, ...] = ()
    if identity is not None:
        names = (identity.spiffe, *identity.dns) if identity.spiffe else identity.dns
    if tokens is None:
        return Caller(names)
    verified = tokens.verify(found.get(AUTHORIZATION))
    if verified is None:
        return Caller(names)
    if isinstance(verified, TokenRefusal):
        return Caller(names, _answer(verified), verified.reason)
    return Caller((*names, verified.caller))


def _answer(refused: TokenRefusal) -> Refusal:
    return problem("token", refused.status, HTTPStatus(refused.status).phrase, *refused.headers)
