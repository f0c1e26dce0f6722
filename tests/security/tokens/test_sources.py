"""Where tokens come from: files, variables, functions, and a real token endpoint."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meshlib import ConfigurationError, MeshClient
from meshlib.security.tokens import Token, TokenError, make_source, token_options
from support import Reply, ScriptedServer, replies
from support.application_servers import uvicorn_server

pytestmark = pytest.mark.anyio
SECRET = "s3cr:t with/odd+bytes"


class Issuer:
    """A token endpoint that checks who asks, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[], Response] = lambda: JSONResponse(
            {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", "expires_in": 60}
        )
        self.key: Any = None

    async def issue(self, request: Request) -> Response:
        """RFC 6749, section 4.4."""
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append(form)
        if not self._knows(request.headers.get("authorization", ""), form):
            return JSONResponse({"error": "invalid_client", "error_description": SECRET}, 401)
        return self.answer()

    def _knows(self, header: str, form: dict[str, str]) -> bool:
        if "client_assertion" in form:
            claims = jwt.decode(form["client_assertion"], self.key, algorithms=["RS256", "ES256"])
            return claims.claims["sub"] == "my app" == claims.claims["iss"]
        if header.startswith("Basic "):
            pair = base64.b64decode(header[6:]).decode().split(":")
            return [unquote_plus(part) for part in pair] == ["my app", SECRET]
        return (form.get("client_id"), form.get("client_secret")) == ("my app", SECRET)


@contextmanager
def issuer() -> Iterator[tuple[Issuer, str]]:
    """A running one, and its URL."""
    made = Issuer()
    app = Starlette(routes=[Route("/token", made.issue, methods=["POST"])])
    with uvicorn_server(app) as url:
        yield made, f"{url}/token"


def fetching(url: str, **said: Any) -> Callable[[], Awaitable[Token]]:
    """What asks an endpoint."""
    options = {"token_url": url, "client_id": "my app", **said}
    return make_source(token_options({"client_credentials": options}))


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post"])
async def test_a_token_endpoint_gives_a_token(auth: str) -> None:
    """For a secret with odd characters, in both ways."""
    with issuer() as (made, url):
        token = await fetching(
            url,
            auth=auth,
            client_secret=SECRET,
            scopes="read write",
            audience="users",
            resource="r",
        )()
    assert (token.value, token.lifetime) == ("token-1", 60.0)
    (form,) = made.asked
    assert form["grant_type"] == "client_credentials"
    assert (form["scope"], form["audience"], form["resource"]) == ("read write", "users", "r")


async def test_a_secret_may_be_in_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read for each token, so that it may be replaced."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("CLIENT_SECRET", SECRET)
    with issuer() as (_, url):
        for said in (
            {"client_secret_file": str(file)},
            {"client_secret_variable": "CLIENT_SECRET"},
        ):
            assert (await fetching(url, **said)()).value.startswith("token-")


@pytest.mark.parametrize("kind", ["RS256", "ES256"])
async def test_a_private_key_signs_an_assertion(tmp_path: Path, kind: str) -> None:
    """In PEM or as a JWK."""
    key: Any = RSAKey.generate_key(2048) if kind == "RS256" else ECKey.generate_key("P-256")
    pem, jwk = tmp_path / "key.pem", tmp_path / "key.json"
    pem.write_bytes(key.as_pem(private=True))
    jwk.write_text(json.dumps(key.as_dict(private=True)))
    with issuer() as (made, url):
        made.key = key
        for file in (pem, jwk):
            said = {"auth": "private_key_jwt", "private_key_file": str(file), "algorithm": kind}
            assert (await fetching(url, key_id="k1", **said)()).value.startswith("token-")


async def test_a_wrong_secret_is_told_by_its_code_alone() -> None:
    """Descriptions may repeat what was sent."""
    refused = pytest.raises(TokenError, match="answered 401: invalid_client")
    with issuer() as (_, url), refused as caught:
        await fetching(url, client_secret="wrong")()
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"access_token": "x", "token_type": "mac"}),
        JSONResponse({"token_type": "bearer"}),
        JSONResponse({"access_token": "a b", "token_type": "bearer"}),
        JSONResponse({"access_token": "x", "token_type": "bearer", "expires_in": "soon"}),
        JSONResponse(["x"]),
        Response("<html>", 200),
        Response("x" * 200_000, 200),
        JSONResponse({"error": ["odd"]}, 500),
        Response("", 302, {"location": "http://127.0.0.1:1/"}),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # that of the mesh's own loop
async def test_an_answer_that_is_no_token_is_an_error(answer: Response) -> None:
    """And a redirect is not followed, which would take the secret elsewhere."""
    with issuer() as (made, url):
        made.answer = lambda: answer
        with pytest.raises(TokenError):
            await fetching(url, client_secret=SECRET)()


async def test_a_token_without_a_lifetime_is_asked_for_again() -> None:
    """In five minutes."""
    with issuer() as (made, url):
        made.answer = lambda: JSONResponse({"access_token": "x", "token_type": "bearer"})
        token = await fetching(url, client_secret=SECRET)()
    assert (token.lifetime, token.again) == (None, 300.0)


async def test_an_endpoint_that_is_away_is_an_error(tmp_path: Path) -> None:
    """Like a file that is missing, or no key."""
    with pytest.raises(TokenError, match="ConnectError"):
        await fetching("http://127.0.0.1:1/", client_secret=SECRET)()
    with pytest.raises(TokenError, match="No such file"):
        await fetching("http://127.0.0.1:1/", client_secret_file=str(tmp_path / "none"))()
    with pytest.raises(TokenError, match="has no NO_SUCH"):
        await fetching("http://127.0.0.1:1/", client_secret_variable="NO_SUCH")()
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"\xff")
    with pytest.raises(TokenError, match="not text"):
        await fetching("http://127.0.0.1:1/", client_secret_file=str(wrong))()
    wrong.write_text("hunter2")
    said = {"auth": "private_key_jwt", "private_key_file": str(wrong)}
    with pytest.raises(TokenError, match="does not sign") as caught:
        await fetching("http://127.0.0.1:1/", **said)()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        {"client_secret": "a", "client_secret_file": "b"},
        {},
        {"client_secret": "a", "private_key_file": "b"},
        {"auth": "private_key_jwt"},
        {"auth": "private_key_jwt", "client_secret": "a", "private_key_file": "b"},
        {"client_secret": "hunter2", "token_url": "https://me:hunter2@idp/"},
    ],
)
async def test_one_way_to_say_who_we_are(said: dict[str, Any]) -> None:
    """Not two, not none; and what is wrong is not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        fetching(**{"url": "https://idp/token", **said}) if "token_url" not in said else (
            token_options({"client_credentials": {"client_id": "a", **said}})
        )
    assert "hunter2" not in str(caught.value)


def jwt_of(payload: bytes) -> str:
    """Something like a token, with this payload."""
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        (jwt_of(b'{"exp": 160}'), 60.0),
        (jwt_of(b'{"exp": "soon"}'), None),
        (jwt_of(b'{"exp": 1e999}'), None),
        (jwt_of(b"{}"), None),
        (jwt_of(b"\xff"), None),
        ("plain", None),
    ],
)
async def test_the_lifetime_of_a_file_is_what_its_token_says(
    tmp_path: Path, text: str, lifetime: float | None
) -> None:
    """Where it is a JSON Web Token; the file is looked at again anyhow."""
    file = tmp_path / "token"
    file.write_text(text)
    token = await make_source(token_options({"file": str(file)}), lambda: 100.0)()
    assert (token.value, token.lifetime, token.again) == (text, lifetime, 5.0)


async def test_a_file_that_holds_no_token_is_an_error(tmp_path: Path) -> None:
    """The error does not say what it holds instead."""
    file = tmp_path / "token"
    source = make_source(token_options({"file": str(file)}))
    with pytest.raises(TokenError, match="No such file"):
        await source()
    for content in (b"hunter2 hunter2", b"", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(TokenError) as caught:
            await source()
        assert "hunter2" not in str(caught.value)


async def test_a_function_gives_a_text_or_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocking or not; anything else is an error, as is a variable that is not set."""

    async def later() -> str:
        return "later"

    assert (await make_source(lambda: "now")()).value == "now"
    assert (await make_source(later)()).value == "later"
    assert (await make_source(later)()).again == 300.0
    assert (await make_source(lambda: Token("x", 5.0))()).lifetime == 5.0
    with pytest.raises(TokenError, match="no text, but int"):
        await make_source(lambda: 7)()
    monkeypatch.setenv("EMPTY", "")
    for name in ("EMPTY", "NO_SUCH"):
        with pytest.raises(TokenError):
            await make_source(token_options({"variable": name}))()


async def test_calls_are_made_with_a_token_of_a_real_endpoint() -> None:
    """A 401 brings another one, and the endpoint is asked no more than that."""
    with issuer() as (made, url), ScriptedServer(replies(200, 401, Reply(200))) as server:
        token = {
            "client_credentials": {
                "token_url": url,
                "client_id": "my app",
                "client_secret": SECRET,
            }
        }
        services: Any = {"users": {"endpoints": [server.url], "token": token}}
        with MeshClient("orders", services=services) as client:
            assert client.get("http://users/a").status_code == 200
            assert client.get("http://users/b").status_code == 200
    shown = [request.headers["authorization"] for request in server.requests]
    assert shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert len(made.asked) == 2


async def test_without_the_library_a_private_key_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install."""
    file = tmp_path / "key"
    file.write_text("x")
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(TokenError, match=r"meshlib-client\[tokens\]"):
        await fetching("http://127.0.0.1:1/", auth="private_key_jwt", private_key_file=str(file))()


async def test_an_endpoint_is_known_by_its_own_roots(tmp_path: Path) -> None:
    """Roots that are not there are a failure like any other."""
    with pytest.raises(TokenError, match="FileNotFoundError"):
        await fetching("https://127.0.0.1:1/", client_secret="a", ca=str(tmp_path / "none.pem"))()
