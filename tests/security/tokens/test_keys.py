"""Keys of issuers, fetched in the background from a real server or a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.lowlevel
import pytest
from joserfc.jwk import RSAKey

from meshlib.security.tokens import KeyRing, TokenVerificationOptions
from meshlib.security.tokens import _keys as module
from support import FakeClock, ScriptedServer, replies

pytestmark = pytest.mark.anyio
ONE = RSAKey.generate_key(2048, {"kid": "one"})
TWO = RSAKey.generate_key(2048, {"kid": "two"})


def said(*keys: Any, **more: Any) -> bytes:
    """A public key set."""
    return json.dumps({"keys": [{**key.as_dict(private=False), **more} for key in keys]}).encode()


def ring(jwks: str, **options: Any) -> KeyRing:
    """A ring whose clock stands still."""
    given = {"issuer": "i", "audience": "a", "jwks": jwks, **options}
    return KeyRing(TokenVerificationOptions(**given), FakeClock())


async def until(condition: Callable[[], object]) -> None:
    """Let the other tasks go on until something holds."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_keys_are_fetched_and_rotate() -> None:
    """An unknown key has the set fetched again, and a key that left counts no more."""
    with ScriptedServer(replies(said(ONE), said(TWO))) as server:
        keys = ring(f"{server.url}/jwks")
        assert not keys.ready
        async with anyio.create_task_group() as group:
            group.start_soon(keys.run)
            await until(lambda: keys.ready)
            assert keys.find("one") is not None
            assert keys.find("two") is None
            await until(lambda: keys.fetches == 2)
            assert keys.find("two") is not None
            assert keys.find("one") is None
            group.cancel_scope.cancel()
    assert repr(keys) == "<KeyRing of 1 keys>"


async def test_unknown_keys_do_not_drive_fetches() -> None:
    """However many ask: once in the interval, and then once more."""
    with ScriptedServer(replies(said(ONE))) as server:
        keys = ring(f"{server.url}/jwks", unknown_key_interval=30)
        clock = keys._clock
        assert isinstance(clock, FakeClock)
        async with anyio.create_task_group() as group:
            group.start_soon(keys.run)
            await until(lambda: keys.fetches == 1)
            for n in range(100):
                keys.find(f"random-{n}")
            await until(lambda: keys.fetches == 2)
            for n in range(100):
                keys.find(f"random-{n}")
            clock.advance(30.0)
            keys.find("another")
            await until(lambda: keys.fetches == 3)
            group.cancel_scope.cancel()
    assert len(server.requests) == 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # that of the mesh's own loop
async def test_keys_stay_while_their_server_fails(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the log says so once."""
    monkeypatch.setattr(module, "_RETRY", 0.001)
    answers = replies(said(ONE), 500, b"<html>", b"x" * 1_000_001, said(TWO))
    with ScriptedServer(answers) as server:
        keys = ring(f"{server.url}/jwks", refresh_interval=0.001)
        async with anyio.create_task_group() as group:
            group.start_soon(keys.run)
            await until(lambda: keys.find("one") is not None)
            await until(lambda: keys.find("two") is not None)
            group.cancel_scope.cancel()
    told = [one.message for one in caplog.records if one.name == "meshlib"]
    assert 3 <= len(told) <= 4  # a fetch may be cut off in the end
    assert all("the last ones stay" in one for one in told)


async def test_a_file_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a broken one changes nothing."""
    monkeypatch.setattr(module, "_LOOK", 0.001)
    monkeypatch.setattr(module, "_RETRY", 0.001)
    file = tmp_path / "jwks.json"
    keys = ring(str(file))
    async with anyio.create_task_group() as group:
        group.start_soon(keys.run)
        await until(lambda: keys._said)
        file.write_bytes(said(ONE))
        await until(lambda: keys.find("one") is not None)
        file.write_bytes(b"{}")
        await until(lambda: keys._said)
        assert keys.find("one") is not None
        file.write_bytes(said(ONE, TWO))
        await until(lambda: keys.find("two") is not None)
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"keys": [{"kty": "XX"}]}',
        b'{"keys": [{"kty": "RSA"}]}',
        b'{"keys": [{"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}',
        said(ONE, use="enc"),
        said(ONE, key_ops=["encrypt"]),
    ],
)
def test_a_set_without_a_key_for_signatures_is_not_taken(content: bytes) -> None:
    """Secrets and keys for other things are no keys here."""
    keys = ring("/f")
    with pytest.raises(ValueError, match=r"[kK]ey"):
        keys.take(content)
    assert not keys.ready


def test_keys_without_an_id() -> None:
    """One is the key of tokens without one; of several none is."""
    keys = ring("/f")
    bare = [
        {k: v for k, v in key.as_dict(private=False).items() if k != "kid"} for key in (ONE, TWO)
    ]
    keys.take(json.dumps({"keys": bare[:1]}).encode())
    assert keys.find(None) is not None
    keys.take(json.dumps({"keys": bare}).encode())
    assert keys.find(None) is None
    keys.renew()
    assert keys.ready


async def test_a_server_with_a_certificate_of_its_own_roots(tmp_path: Path) -> None:
    """Roots that are missing are a failure like any other."""
    with ScriptedServer(replies(200)) as server:
        keys = ring(f"{server.url}/jwks", ca=str(tmp_path / "none.pem"))
        async with anyio.create_task_group() as group:
            group.start_soon(keys.run)
            await until(lambda: keys._said)
            group.cancel_scope.cancel()
    assert not keys.ready
