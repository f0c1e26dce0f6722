"""What a user may set about TLS."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from ..._options import Options
from ..identity import check_pattern

Version = Literal["1.2", "1.3"]
File = Annotated[str, Field(min_length=1)]


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _password(value: Any) -> Any:
    return {"text": value} if isinstance(value, str | SecretStr) else value


class KeyPasswordOptions(Options):
    """What an encrypted key is opened with: exactly one of a text, a file, or a variable."""

    text: SecretStr | None = None
    file: File | None = None
    """Read together with the key; a line end after the password is left out."""
    variable: Annotated[str, Field(min_length=1)] | None = None
    """The name of an environment variable."""

    @model_validator(mode="after")
    def _one(self) -> KeyPasswordOptions:
        if sum(each is not None for each in (self.text, self.file, self.variable)) != 1:
            raise ValueError("give exactly one of text, file, variable")
        return self


class CertificateOptions(Options):
    """Files of a certificate and of roots, in PEM form; they are read again when they change."""

    cert: File | None = None
    """The own certificate, and after it those up to the root; null: none is shown."""
    key: File | None = None
    """Its private key; null: it is in the file of the certificate."""
    key_password: Annotated[KeyPasswordOptions | None, BeforeValidator(_password)] = None
    """Opens an encrypted key: a text, `{file: ...}` or `{variable: ...}`."""
    ca: Annotated[tuple[File, ...], BeforeValidator(_one_or_many)] = ()
    """
    Roots to trust, one file or several. While a root is replaced, both are here. None
    means those of the system for a client.
    """
    min_version: Version = "1.2"
    """TLS 1.2 is the lowest, as RFC 9325 asks."""

    @model_validator(mode="after")
    def _key_has_certificate(self) -> CertificateOptions:
        if self.cert is None and (self.key is not None or self.key_password is not None):
            raise ValueError("a key needs its certificate; give cert")
        return self


class TLSOptions(CertificateOptions):
    """How the endpoints of a service are spoken to by TLS, and who they must be."""

    identity: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    """
    Who the endpoint must be, one or several: a SPIFFE ID, a trust domain, or a DNS name.
    None means that the certificate must be for the host that is connected to.
    """
    server_name: Annotated[str, Field(pattern=r"^[!-.0-~]+$")] | None = None
    """The name to ask for (SNI); null: the endpoint's host. Without *identity* also verified."""

    @field_validator("identity")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(check_pattern, value)))


class ServerTLSOptions(CertificateOptions):
    """How this process is spoken to by TLS."""

    cert: File = Field()
    """The certificate of this server, and after it those up to the root."""
    client_certificates: Literal["required", "requested", "none"] = "required"
    """
    Whether callers show a certificate, which is then verified by *ca*: `required`,
    `requested` (a caller may have none), or `none`.
    """
    alpn: tuple[str, ...] = ("http/1.1",)
    """Protocols that the server speaks, the preferred first; `h2` where it does."""

    @model_validator(mode="after")
    def _roots(self) -> ServerTLSOptions:
        if self.client_certificates != "none" and not self.ca:
            raise ValueError(
                "client certificates are verified by roots; give ca, or client_certificates: none"
            )
        return self
