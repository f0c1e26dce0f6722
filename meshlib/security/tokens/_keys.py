"""
The keys by which tokens are judged, kept up to date in the background.
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Mapping
from typing import Any

import anyio
import httpx

from ..._bell import Bell
from ..._clock import Clock
from ..._redact import redacted_error
from ._verification_options import TokenVerificationOptions

_LOGGER = logging.getLogger("meshlib")
_LOOK = 5.0
"""Seconds between two looks at a file."""
_RETRY = 5.0
"""Seconds after a fetch that failed."""
_LARGEST = 1_000_000
"""Bytes of a key set."""


class KeyRing:
    """
    Keys by their id, from the URL or file that *options* name.

    `find` is for requests and never waits; `run` is for the background, and fetches. A key
    that is taken out of the set counts no more after the next fetch. While a fetch fails
    the last keys stay. Thread-safe.
    """

    def __init__(self, options: TokenVerificationOptions, clock: Clock) -> None:
        self.options = options
        self._clock = clock
        self._keys: Mapping[str | None, Any] | None = None
        self._bell: Bell | None = None
        self._wanted_at = float("-inf")
        self._lock = threading.Lock()
        self._said = ""
        self.fetches = 0
        """How often the set was fetched or read, for tests and for who wonders."""

    def __repr__(self) -> str:
        count = len(self._keys or ())
        return f"<KeyRing of {count} keys>"

    @property
    def ready(self) -> bool:
        """Whether there are keys at all."""
        return self._keys is not None

    def find(self, kid: str | None) -> Any:
        """
        The key called *kid*, or the only one where a token names none; None for no such key.

        Of an unknown one the set is fetched again soon, but not more often than the options
        allow, whoever asks.
        """
        keys = self._keys or {}
        if kid is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        key = keys.get(kid)
        if key is None:
            self._want()
        return key

    def _want(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._wanted_at < self.options.unknown_key_interval:
                return
            self._wanted_at = now
            bell = self._bell
        if bell is not None:
            bell.ring()

    def take(self, content: bytes) -> None:
        """Use the keys of a set from now on; ValueError when it has none for signatures."""
        keys = _parsed(content)
        if not keys:
            raise ValueError("the key set has no key that signatures are checked by")
        self._keys = keys

    def renew(self) -> None:
        """A forked child has none of its parent's threads."""
        self._lock = threading.Lock()
        self._bell = None

    # In the background

    async def run(self) -> None:
        """Keep the keys up to date until cancelled."""
        with self._lock:
            self._bell = bell = Bell()
        url = "://" in self.options.jwks
        interval = self.options.refresh_interval if url else _LOOK
        seen: object = None
        while True:
            pause = interval
            try:
                if url:
                    self.take(await self._fetched())
                    self.fetches += 1
                else:
                    seen = await self._look(seen)
                self._said = ""
            except Exception as exc:
                self._failed(exc)
                pause = min(_RETRY, interval)
            with anyio.move_on_after(pause):
                await bell.wait()

    async def _look(self, seen: object) -> object:
        file = anyio.Path(self.options.jwks)
        found = await file.stat()
        state = found.st_mtime_ns, found.st_size, found.st_ino
        if state != seen:
            self.take(await file.read_bytes())
            self.fetches += 1
        return state

    async def _fetched(self) -> bytes:
        context = True if self.options.ca is None else _trusting(self.options.ca)
        async with httpx.AsyncClient(verify=context, timeout=self.options.timeout) as client:
            with anyio.fail_after(self.options.timeout):
                async with client.stream("GET", self.options.jwks) as response:
                    content = b""
                    async for chunk in response.aiter_bytes():
                        content += chunk
                        if len(content) > _LARGEST:
                            break
        if response.status_code != 200:
            raise ValueError(f"it was answered {response.status_code}")
        if len(content) > _LARGEST:
            raise ValueError("the answer is too long for a key set")
        return content

    def _failed(self, error: Exception) -> None:
        text = redacted_error(error)
        if text != self._said:
            self._said = text
            kept = "the last ones stay" if self.ready else "no token can be judged"
            _LOGGER.warning("keys for tokens could not be had (%s); %s", text, kept)


def _trusting(file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)


def _parsed(content: bytes) -> dict[str | None, Any]:
    """Keys for signatures by their id; those of a kind that nobody knows are left out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        said = json.loads(content)
        listed = said["keys"]
    except (ValueError, TypeError, KeyError):
        raise ValueError("this is no JSON Web Key Set") from None
    keys: dict[str | None, Any] = {}
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        # A secret has no business in a public set, and signs nothing that is believed here.
        if not isinstance(one, dict) or one.get("kty") == "oct":
            continue
        if one.get("use", "sig") != "sig" or "verify" not in one.get("key_ops", ["verify"]):
            continue
        try:
            key = JWKRegistry.import_key(one)
            kid = one.get("kid")
            keys[kid if isinstance(kid, str) else None if len(listed) == 1 else f"#{number}"] = key
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys
