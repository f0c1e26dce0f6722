"""
Judges tokens that callers show.
"""

from __future__ import annotations

import math
from typing import Any, cast

from ..._clock import Clock, monotonic, wall
from ..._exceptions import ConfigurationError
from ._claims import Claims, TokenRefusal
from ._keys import KeyRing
from ._verification_options import TokenVerificationOptions

_LONGEST = 16_384
"""Characters of a token; servers take no longer headers by default."""


class TokenVerifier:
    """
    Says of an Authorization header who its bearer is.

    Needs the package joserfc, of the extra `tokens`; ConfigurationError without it. *keys*
    are kept up to date by `keys.run()`, in the background. Thread-safe; `verify` never
    raises, never waits, and takes what it does not understand for no token.
    """

    def __init__(
        self,
        options: TokenVerificationOptions,
        *,
        realm: str = "meshlib",
        clock: Clock = monotonic,
        wall_clock: Clock = wall,
    ) -> None:
        try:
            from joserfc import errors, jws, jwt
        except ImportError as exc:
            raise ConfigurationError(
                "verifying tokens needs the package joserfc",
                path="inbound.tokens",
                hint='pip install "meshlib-client[tokens]"',
            ) from exc
        self.options = options
        self.keys = KeyRing(options, clock)
        self._wall = wall_clock
        self._realm = "".join(
            c for c in realm if c.isascii() and c.isprintable() and c not in '"\\'
        )
        self._jwt = jwt
        self._registry = jws.JWSRegistry(strict_check_header=False)
        self._registry.get_alg = self._algorithm  # type: ignore[method-assign]  # by our list only
        self._algorithms: dict[str, Any] = {}
        self._algorithms |= {name: jws.JWSRegistry.algorithms[name] for name in options.algorithms}
        self._not_allowed = errors.UnsupportedAlgorithmError
        self._registry.max_payload_length = self._registry.max_header_length = _LONGEST
        self._registry.max_signature_length = 2048
        self._reasons: dict[type[Exception], str] = {
            errors.BadSignatureError: "the signature is wrong",
            errors.ExpiredTokenError: "the token has expired",
            errors.UnsupportedAlgorithmError: "the algorithm is not allowed",
            errors.MissingClaimError: "a claim is missing",
            _UnknownKeyError: "the key is unknown",
        }
        self._claims = {
            "iss": "the issuer is another",
            "aud": "the audience is another",
            "nbf": "the token is not valid yet",
            "iat": "the token is of the future",
        }

    def verify(self, authorization: bytes | str | None) -> Claims | TokenRefusal | None:
        """
        What the token in *authorization* says, or the refusal of it.

        None where no token was shown and none is needed; a bad one is refused even then.
        """
        try:
            return self._verify(authorization)
        except Exception:  # a library's way to say that it never saw anything like this
            return self._refused("the token is malformed")

    def _verify(self, authorization: bytes | str | None) -> Claims | TokenRefusal | None:
        text = authorization or ""
        if isinstance(text, bytes):
            text = text.decode("ascii")
        scheme, _, token = text.strip().partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            if self.options.optional and not text.strip():
                return None
            return TokenRefusal(401, "", "no bearer token was shown", realm=self._realm)
        token = token.strip()
        if not token or len(token) > _LONGEST:
            return self._refused("the token is malformed")
        if not self.keys.ready:
            return TokenRefusal(503, "", "there are no keys to judge tokens by yet")
        try:
            found = self._jwt.decode(token, self._key, registry=self._registry)
            self._check(found.header, found.claims)
        except Exception as exc:
            return self._refused(self._reason(exc))
        lacking = [one for one in self.options.scopes if one not in Claims(found.claims, "").scopes]
        if lacking:
            wanted = " ".join(self.options.scopes)
            return TokenRefusal(
                403, "insufficient_scope", "a scope is missing", wanted, self._realm
            )
        subject = str(found.claims["sub"])
        if self.options.caller == "issuer_and_subject":
            subject = f"{found.claims['iss']}/{subject}"
        return Claims(found.claims, subject)

    def _algorithm(self, name: str) -> Any:
        found = self._algorithms.get(name)
        if found is None:
            raise self._not_allowed
        return found

    def _key(self, found: Any) -> Any:
        header = found.headers()
        key = self.keys.find(header.get("kid"))
        if key is None:
            raise _UnknownKeyError
        if key.alg is not None and key.alg not in _SAME.get(header["alg"], (header["alg"],)):
            raise ValueError("the key is for another algorithm")
        return key

    def _check(self, header: Any, claims: dict[str, Any]) -> None:
        options = self.options
        if options.type is not None and _plain(header.get("typ")) != _plain(options.type):
            raise ValueError("of another type")
        for name in ("exp", "nbf", "iat"):
            value = claims.get(name, 0)
            # JSON knows true and Python reads Infinity; neither is an instant.
            if isinstance(value, bool) or not math.isfinite(value):
                raise ValueError("no instant")
        essential: dict[str, Any] = {name: {"essential": True} for name in options.required}
        essential |= {name: {"essential": True} for name in ("exp", "sub")}
        essential["iss"] = {"essential": True, "values": list(options.issuer)}
        essential["aud"] = {"essential": True, "values": list(options.audience)}
        # Typed as integers, and compared as numbers.
        now, leeway = cast("int", self._wall()), cast("int", options.leeway)
        self._jwt.JWTClaimsRegistry(
            now=now,
            leeway=leeway,
            **essential,
        ).validate(claims)

    def _reason(self, error: Exception) -> str:
        for kind, reason in self._reasons.items():
            if isinstance(error, kind):
                return reason
        return self._claims.get(getattr(error, "claim", ""), "the token is malformed")

    def _refused(self, reason: str) -> TokenRefusal:
        return TokenRefusal(401, "invalid_token", reason, realm=self._realm)


class _UnknownKeyError(Exception):
    pass


_SAME = dict.fromkeys(("Ed25519", "EdDSA"), ("Ed25519", "EdDSA"))
"""Names of one algorithm."""


def _plain(kind: object) -> str:
    return str(kind).lower().removeprefix("application/")
