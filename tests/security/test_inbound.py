"""Who is let in: tokens and rules of a request that is served, with keys of a real server."""

from __future__ import annotations

import json
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from meshlib import Mesh
from meshlib.inbound import Head
from support import ScriptedServer, replies

KEY = RSAKey.generate_key(2048, {"kid": "one"})


def shown(**claims: Any) -> list[tuple[bytes, bytes]]:
    """The headers of a request with a token."""
    values = {"iss": "https://idp", "aud": "orders", "sub": "alice", "exp": time.time() + 60}
    token = jwt.encode({"alg": "RS256", "kid": "one"}, {**values, **claims}, KEY, ["RS256"])
    return [(b"authorization", f"Bearer {token}".encode())]


def test_a_token_and_a_rule_let_a_request_in() -> None:
    """Before there are keys nobody is; then who the rule names, and no other."""
    keys = json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()
    with ScriptedServer(replies(keys)) as server:
        config = {
            "inbound": {
                "tokens": {"issuer": "https://idp", "audience": "orders", "jwks": server.url},
                "authorization": {"rules": [{"name": "alice", "callers": "https://idp/alice"}]},
            }
        }
        with Mesh("orders", config=config) as mesh:
            inbound = mesh.inbound

            def arrive(headers: Any) -> Any:
                head = Head(method="GET", path="/x", headers=headers, scheme="http")
                arrival = inbound.arrive(head)
                refusal = arrival.refusal
                arrival.finish(200 if refusal is None else refusal.status)
                return arrival

            ring = inbound.parts.tokens.keys if inbound.parts.tokens else None
            assert ring is not None
            server.wait_for_requests(1)
            deadline = time.monotonic() + 20.0
            while not ring.ready:
                assert time.monotonic() < deadline
            good = arrive(shown())
            assert good.refusal is None
            assert good.served.caller == "https://idp/alice"
            assert good.decision.rule == "alice"
            assert arrive(shown(sub="eve")).refusal.status == 403
            refused = arrive(shown(exp=1)).refusal
            assert refused.status == 401
            challenge = dict(refused.headers)[b"www-authenticate"]
            assert b'error_description="the token has expired"' in challenge
            assert arrive([]).refusal.status == 401
