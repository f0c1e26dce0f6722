"""
Tokens: those that calls are made with, and those that callers show.

A `TokenKeeper` holds the token of a service's calls and knows when another one is needed;
a source, such as a file or an OAuth2 token endpoint, gives it. A `TokenVerifier` says of a
JSON Web Token who its bearer is, by keys that a `KeyRing` holds. Neither waits for
anything on the path of a request: what has to be read or fetched is, in the background.
"""

from ._claims import Claims, TokenRefusal
from ._keeper import TokenKeeper
from ._keys import KeyRing
from ._options import ClientCredentialsOptions, TokenOptions, token_options
from ._renewing import renew_tokens
from ._source import Token, TokenError, make_source
from ._verification_options import TokenVerificationOptions
from ._verifier import TokenVerifier

__all__ = [
    "Claims",
    "ClientCredentialsOptions",
    "KeyRing",
    "Token",
    "TokenError",
    "TokenKeeper",
    "TokenOptions",
    "TokenRefusal",
    "TokenVerificationOptions",
    "TokenVerifier",
    "make_source",
    "renew_tokens",
    "token_options",
]
