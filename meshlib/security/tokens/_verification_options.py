"""
What a user may say of the tokens that callers have to show.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ..._options import Duration, Options, PositiveDuration

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
]  # fmt: skip
"""
Signatures by a key that only the issuer has.

`none` and HMAC, whose key would be known to whoever checks it, are no choices: so no public
key can be mistaken for a secret one.
"""


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Many = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1)],
    BeforeValidator(_one_or_many),
]


def check_url(value: str | None) -> str | None:
    """Raise ValueError for what is no URL to fetch from, or has a secret in it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL with a user in it ends up in logs; leave that out")
    if not valid or parts.fragment:
        raise ValueError("this is no URL; write https://host/path")
    return value


class TokenVerificationOptions(Options):
    """
    What a JSON Web Token has to be for its bearer to be believed.

    As RFC 8725 advises: algorithms by a list, one issuer and one audience at least.
    """

    issuer: Many
    """Who may have issued it: `iss` is one of these, compared exactly."""
    audience: Many
    """For whom: `aud` names one of these, by which this application is known."""
    jwks: str
    """Keys of the issuer: the URL or the file of a JSON Web Key Set."""
    algorithms: Annotated[
        Annotated[tuple[Algorithm, ...], Field(min_length=1)], BeforeValidator(_one_or_many)
    ] = ("RS256", "ES256")
    """What RFC 7518 recommends; what stands not here is refused, whatever the token says."""
    leeway: Duration = 30.0
    """Seconds that clocks may differ."""
    required: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    """Claims that it must have; `exp` and `sub` always are."""
    scopes: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    """Scopes that it must have, all of them; else 403."""
    type: Annotated[str, Field(min_length=1)] | None = None
    """Its `typ`, such as `at+jwt` of RFC 9068, if that matters."""
    caller: Literal["issuer_and_subject", "subject"] = "issuer_and_subject"
    """
    What rules know the bearer by: `issuer/subject`, as in Istio, or the subject alone, for an
    issuer that gives out names which nobody else has, such as SPIFFE ids.
    """
    optional: bool = False
    """Whether a request without a token goes on, with nobody verified."""
    refresh_interval: PositiveDuration = 300.0
    """Seconds until the keys are fetched again; a file is looked at every 5 s."""
    unknown_key_interval: PositiveDuration = 30.0
    """Seconds at least between two fetches because of a key that nobody knows."""
    timeout: PositiveDuration = 10.0
    """Seconds for one fetch."""
    ca: str | None = None
    """The file of the roots that the server of the keys is known by, in place of the usual."""

    @field_validator("jwks")
    @classmethod
    def _source(cls, value: str) -> str:
        if "://" in value:
            check_url(value)
        elif not os.fspath(value).strip():
            raise ValueError("a URL or a file is needed")
        return value

    @model_validator(mode="after")
    def _texts(self) -> TokenVerificationOptions:
        for key in ("issuer", "audience", "required", "scopes"):
            if not all(getattr(self, key)):
                raise ValueError(f"an empty text in {key} means nothing")
        return self
