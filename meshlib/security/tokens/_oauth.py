"""
Tokens of an OAuth2 token endpoint, by the client credentials grant.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import uuid
from typing import Any
from urllib.parse import quote_plus, urlencode

import anyio
import httpx

from ..._clock import Clock
from ._options import ClientCredentialsOptions
from ._source import Token, TokenError

_CODE = re.compile(r"[a-z_]{1,40}")
_LARGEST = 100_000
"""Bytes of an answer."""
_ASSERTION_LIFETIME = 60
"""Seconds that a signed assertion is good for; it is used at once."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientCredentials:
    """
    Asks the endpoint of *options* for a token.

    Follows no redirect, which would take the secret elsewhere, and repeats of an answer
    only the error's code: descriptions may hold what was sent.
    """

    def __init__(self, options: ClientCredentialsOptions, wall_clock: Clock) -> None:
        self.options = options
        self._wall = wall_clock

    async def fetch(self) -> Token:
        """A new token; TokenError when there is none."""
        options = self.options
        form = {"grant_type": "client_credentials"}
        if options.scopes:
            form["scope"] = " ".join(options.scopes)
        if options.audience is not None:
            form["audience"] = options.audience
        if options.resource is not None:
            form["resource"] = options.resource
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        await self._identify(form, headers)
        try:
            with anyio.fail_after(options.timeout):
                status, content = await self._post(urlencode(form), headers)
        except (httpx.HTTPError, OSError) as exc:
            # Its text, its request and its cause may hold what was sent.
            raise TokenError(f"the token endpoint failed: {type(exc).__name__}") from None
        return _token(status, content)

    async def _identify(self, form: dict[str, str], headers: dict[str, str]) -> None:
        options = self.options
        if options.auth == "private_key_jwt":
            form["client_id"] = options.client_id
            form["client_assertion_type"] = _ASSERTION
            form["client_assertion"] = await self._assertion()
            return
        secret = await self._secret()
        if options.auth == "client_secret_post":
            form["client_id"] = options.client_id
            form["client_secret"] = secret
            return
        # Both parts are encoded as in a form: RFC 6749, section 2.3.1.
        pair = f"{quote_plus(options.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    async def _secret(self) -> str:
        options = self.options
        if options.client_secret is not None:
            return options.client_secret.get_secret_value()
        if options.client_secret_variable is not None:
            said = os.environ.get(options.client_secret_variable)
            if said is None:
                raise TokenError(f"the environment has no {options.client_secret_variable}")
            return said
        return (await _content(options.client_secret_file)).strip("\r\n")

    async def _assertion(self) -> str:
        """Who we are, signed (RFC 7523)."""
        options = self.options
        content = await _content(options.private_key_file)
        try:
            from joserfc import jwt
            from joserfc.jwk import JWKRegistry

            kinds = {"R": "RSA", "P": "RSA", "E": "EC"}
            kind = "OKP" if options.algorithm == "Ed25519" else kinds[options.algorithm[0]]
            if content.lstrip().startswith("{"):
                key = JWKRegistry.import_key(json.loads(content))
            else:
                key = JWKRegistry.import_key(content, kind)
            now = int(self._wall())
            header: dict[str, Any] = {"alg": options.algorithm}
            if options.key_id is not None:
                header["kid"] = options.key_id
            claims = {
                "iss": options.client_id,
                "sub": options.client_id,
                "aud": options.token_url,
                "iat": now,
                "exp": now + _ASSERTION_LIFETIME,
                "jti": uuid.uuid4().hex,
            }
            return jwt.encode(header, claims, key, algorithms=[options.algorithm])
        except ImportError:
            raise TokenError('private_key_jwt needs "meshlib-client[tokens]"') from None
        except Exception as exc:
            raise TokenError(f"the private key does not sign: {type(exc).__name__}") from None

    async def _post(self, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        options = self.options
        verify: ssl.SSLContext | bool = True
        if options.ca is not None:
            verify = ssl.create_default_context(cafile=options.ca)
        content = b""
        async with (
            httpx.AsyncClient(verify=verify, timeout=options.timeout) as client,
            client.stream("POST", options.token_url, content=body, headers=headers) as response,
        ):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LARGEST:
                    break
        if len(content) > _LARGEST:
            raise TokenError("the answer of the token endpoint is too long")
        return response.status_code, content


async def _content(file: str | None) -> str:
    assert file is not None
    try:
        return await anyio.Path(file).read_text(encoding="utf-8")
    except OSError as exc:
        raise TokenError(f"the file {file!r} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise TokenError(f"the file {file!r} is not text") from None


def _token(status: int, content: bytes) -> Token:
    said = _parsed(content)
    if status != 200:
        code = said.get("error")
        told = f": {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
        raise TokenError(f"the token endpoint answered {status}{told}")
    if str(said.get("token_type", "")).lower() != "bearer":
        raise TokenError("the token endpoint gave no bearer token")
    value, seconds = said.get("access_token"), said.get("expires_in")
    try:
        lifetime = None if seconds is None else float(seconds)
        if not isinstance(value, str):
            raise TypeError
        again = 300.0 if lifetime is None else None
        return Token(value, lifetime, again=again)
    except (TypeError, ValueError):
        raise TokenError("the token endpoint answered what is no token") from None


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {}
