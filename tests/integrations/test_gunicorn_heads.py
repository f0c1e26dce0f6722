"""Who calls under gunicorn, as the middleware finds out by itself."""

from __future__ import annotations

import pytest

from meshlib.integrations import _heads
from meshlib.integrations._heads import head_of_environ
from support.issuer import Issuer
from support.serving import environ_of

NAME = "spiffe://shop.test/gateway"


def test_certificate_of_the_connection_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever middleware is the outer one; what another has put there comes first."""
    theirs = Issuer().issue("a.test", uris=(NAME,)).der
    other = Issuer().issue("b.test").der
    monkeypatch.setattr(_heads, "peer_of", {"socket": theirs}.get)
    identity = head_of_environ(environ_of(**{"gunicorn.socket": "socket"})).identity
    assert identity is not None
    assert NAME == identity.spiffe
    both = environ_of(**{"gunicorn.socket": "socket", "meshlib.tls.peer": other})
    identity = head_of_environ(both).identity
    assert identity is not None
    assert ("b.test",) == identity.dns


def test_plain_connection_names_nobody() -> None:
    """Neither does one of another server."""
    assert head_of_environ(environ_of(**{"gunicorn.socket": object()})).identity is None
    assert head_of_environ(environ_of()).identity is None
