"""Mocks for httpx work with a mesh's client as they are."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
import respx

from meshlib import CallOptions
from support.ways import WAYS, User

ONCE = {"mesh": CallOptions(retry=False)}
pytestmark = pytest.mark.parametrize("way", WAYS, ids=str)
ENDPOINT = "http://users.internal:8080"


async def test_respx_answers_out_of_the_box(use: Callable[..., User]) -> None:
    """Routes are written for the endpoint, which is what would be asked on the wire."""
    user = use(ENDPOINT)
    with respx.mock(base_url=ENDPOINT) as mock:
        route = mock.get("/users/1").respond(json={"name": "Ada"}, headers={"Set-Cookie": "a=1"})
        created = mock.post("/users", json={"name": "Ada"}).respond(201)
        response = await user.get("/users/1?q=1")
        assert response.json() == {"name": "Ada"}
        assert user.tell(response.url) == "<site>/users/1?q=1"
        assert dict(user.client.cookies) == {"a": "1"}
        assert (await user.post("/users", json={"name": "Ada"})).status_code == 201
        async with user.stream("GET", "/users/1") as streamed:
            assert await user.read(streamed) == response.content
    assert route.call_count == 2
    assert created.call_count == 1
    assert route.calls[0].request.headers["host"] == "users.internal:8080"


async def test_respx_raises_what_it_is_told(use: Callable[..., User]) -> None:
    """An error as side effect is the error of the wire."""
    user = use(ENDPOINT)
    with respx.mock:
        respx.get(f"{ENDPOINT}/slow").mock(side_effect=httpx.ReadTimeout)
        with pytest.raises(httpx.ReadTimeout) as caught:
            await user.get("/slow", extensions=ONCE)
    assert user.tell(caught.value.request.url) == "<site>/slow"


async def test_respx_gives_each_attempt_its_answer(use: Callable[..., User]) -> None:
    """A mesh's client tries again where httpx's returns the first answer."""
    user = use(ENDPOINT)
    with respx.mock:
        route = respx.get(f"{ENDPOINT}/").mock(
            side_effect=[httpx.Response(503), httpx.Response(200, text="second")]
        )
        response = await user.get("/")
    assert response.status_code == (200 if user.way.is_mesh else 503)
    assert route.call_count == (2 if user.way.is_mesh else 1)


async def test_respx_refuses_what_it_was_not_told_of(use: Callable[..., User]) -> None:
    """A request without a route is an error of the test, not of the endpoint."""
    user = use(ENDPOINT)
    with respx.mock, pytest.raises(respx.models.AllMockedAssertionError):
        await user.get("/unknown", extensions=ONCE)


async def test_respx_may_take_the_place_of_a_transport(use: Callable[..., User]) -> None:
    """Its router is a handler for `MockTransport`, which a mesh's client takes."""
    router = respx.Router()
    router.get(host="users.internal", path="/").respond(text="routed")
    handler = router.async_handler if use().way.loop else router.handler
    user = use(ENDPOINT, transport=httpx.MockTransport(handler))
    assert (await user.get("/")).text == "routed"
