"""
What a user may say of the token that calls of a service are made with.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options, PositiveDuration
from ._verification_options import check_url

_SECRETS = ("client_secret", "client_secret_file", "client_secret_variable")


def _one_or_many(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class ClientCredentialsOptions(Options):
    """
    The token of an OAuth2 token endpoint, for this application itself (RFC 6749, 4.4).

    Of the ways to give the secret one is used; `private_key_jwt` has a key instead.
    """

    token_url: str
    client_id: Annotated[str, Field(min_length=1)]
    auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] = (
        "client_secret_basic"
    )
    """How the client says who it is; the first is what every endpoint must know."""
    client_secret: SecretStr | None = None
    client_secret_file: str | None = None
    """Read again for each token."""
    client_secret_variable: str | None = None
    private_key_file: str | None = None
    """A private key in PEM or as a JWK, read again for each token; needs joserfc."""
    key_id: str | None = None
    algorithm: Literal["RS256", "PS256", "ES256", "ES384", "Ed25519"] = "RS256"
    """What the private key signs by."""
    scopes: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    audience: str | None = None
    """For whom the token is to be; a parameter that several vendors know."""
    resource: str | None = None
    """The same by RFC 8707."""
    timeout: PositiveDuration = 10.0
    """Seconds for one request."""
    ca: str | None = None
    """The file of the roots that the endpoint is known by, in place of the usual."""

    @field_validator("token_url")
    @classmethod
    def _url(cls, value: str) -> str:
        check_url(value)
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> ClientCredentialsOptions:
        given = [name for name in _SECRETS if getattr(self, name) is not None]
        if self.auth == "private_key_jwt":
            if given or self.private_key_file is None:
                raise ValueError("private_key_jwt needs a private_key_file, and no secret")
        elif len(given) != 1 or self.private_key_file is not None:
            raise ValueError(f"{self.auth} needs one of {', '.join(_SECRETS)}")
        return self


class TokenOptions(Options):
    """
    Where the bearer token of calls comes from: one of *file*, *variable*, *client_credentials*.

    In code also a function, sync or async, that returns a text or a `Token`.
    """

    file: Annotated[str, Field(min_length=1)] | None = None
    """A file that holds it, looked at every 5 s, as Kubernetes replaces projected tokens."""
    variable: Annotated[str, Field(min_length=1)] | None = None
    """An environment variable that holds it."""
    client_credentials: ClientCredentialsOptions | None = None

    @model_validator(mode="after")
    def _one(self) -> TokenOptions:
        given = (self.file, self.variable, self.client_credentials)
        if sum(each is not None for each in given) != 1:
            raise ValueError("give one of file, variable and client_credentials")
        return self


def token_options(value: Any) -> Any:
    """
    *value* of a document or of code as options, a function, or None.

    Raises ConfigurationError, which does not repeat what might be a token.
    """
    if value is None or value is False or callable(value) or isinstance(value, TokenOptions):
        return value or None
    if not isinstance(value, dict):
        raise ConfigurationError(
            "a token does not stand in a document",
            hint="write {file: PATH}, {variable: NAME} or {client_credentials: ...}",
        )
    return TokenOptions.model_validate(value)
