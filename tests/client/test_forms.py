"""The two forms of a request, clients bound to a service, and explanations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshlib import NoEndpointError
from support import ScriptedServer
from support.ways import WAYS, User, entered, settled

SERVICES = [way for way in WAYS if way.client in ("mesh", "long")]
pytestmark = pytest.mark.parametrize("way", SERVICES, ids=str)
VERBS = ["get", "options", "head", "delete", "post", "put", "patch"]


def said(server: ScriptedServer) -> list[tuple[str, str, bytes, str | None]]:
    """What the server was asked, by method, target, body and the header `x-a`."""
    return [(one.method, one.target, one.body, one.headers.get("x-a")) for one in server.requests]


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_has_three_forms(user: User, server: ScriptedServer, verb: str) -> None:
    """A URL, a service and a path, and a bound client ask the same thing."""
    options: dict[str, Any] = {"params": {"q": "1"}, "headers": {"X-A": "a"}}
    if verb in ("post", "put", "patch"):
        options["content"] = b"body"
    bound = user.client.service("site")
    responses = [
        await settled(getattr(user.client, verb)("http://site/echo", **options)),
        await settled(getattr(user.client, verb)("site", "/echo", **options)),
        await settled(getattr(bound, verb)("/echo", **options)),
    ]
    assert {str(response.url) for response in responses} == {"http://site/echo?q=1"}
    assert said(server) == [(verb.upper(), "/echo?q=1", options.get("content", b""), "a")] * 3


async def test_verbs_without_options_have_three_forms(user: User, server: ScriptedServer) -> None:
    """Also where nothing but the URL is given, which is the shortest way of all."""
    bound = user.client.service("site")
    for verb in VERBS:
        await settled(getattr(user.client, verb)("http://site/echo"))
        await settled(getattr(user.client, verb)("site", "/echo"))
        await settled(getattr(bound, verb)("/echo"))
    expected = [(verb.upper(), "/echo", b"", None) for verb in VERBS for _ in range(3)]
    assert said(server) == expected


async def test_request_and_stream_have_three_forms(user: User, server: ScriptedServer) -> None:
    """`request`, `stream` and `build_request` take a service and a path as well."""
    client, bound = user.client, user.client.service("site")
    options: dict[str, Any] = {"json": {"a": 1}, "headers": {"X-A": "a"}}
    await settled(client.request("POST", "http://site/echo", **options))
    await settled(client.request("POST", "site", "/echo", **options))
    await settled(bound.request("POST", "/echo", **options))
    for manager in (
        client.stream("POST", "http://site/echo", **options),
        client.stream("POST", "site", "/echo", **options),
        bound.stream("POST", "/echo", **options),
    ):
        async with entered(manager) as response:
            assert not response.is_stream_consumed
            await user.read(response)
    for request in (
        client.build_request("POST", "http://site/echo", **options),
        client.build_request("POST", "site", "/echo", **options),
        bound.build_request("POST", "/echo", **options),
    ):
        await user.send(request)
    assert said(server) == [("POST", "/echo", b'{"a":1}', "a")] * 9


async def test_forms_take_the_options_of_a_request(user: User, server: ScriptedServer) -> None:
    """Auth, redirects and timeouts work in the service form as in the other."""
    bound = user.client.service("site")
    for form in (("site", "/basic"),):
        response = await settled(user.client.get(*form, auth=("ada", "lovelace"), timeout=7))
        assert response.status_code == 200
    response = await settled(bound.get("/basic", auth=("ada", "lovelace"), timeout=7))
    assert response.request.extensions["timeout"]["read"] == 7
    response = await settled(bound.get("/hops/2", follow_redirects=True))
    assert len(response.history) == 2
    with pytest.raises(TypeError, match="json"):
        await settled(bound.get("/echo", json={}))


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/echo", "/echo"),
        ("echo", "/echo"),
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("//double", "//double"),
        ("http://elsewhere/", "/http://elsewhere/"),
    ],
)
async def test_path_is_always_a_path(
    user: User, server: ScriptedServer, path: str, target: str
) -> None:
    """Whatever is given as a path stays with the service."""
    await settled(user.client.get("site", path))
    assert server.requests[0].target == target


async def test_service_form_ignores_the_base_url(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """A service is a whole address; the base URL is for relative ones."""
    user = use(base_url="http://elsewhere/base/")
    await settled(user.client.get("site", "/echo"))
    await settled(user.client.service("site").get("/echo"))
    assert [one.target for one in server.requests] == ["/echo", "/echo"]


async def test_name_is_found_however_it_is_written(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Case does not matter, an alias and the suffix `.mesh` name the service as well."""
    user = use(services={"Site": {"endpoints": [server.url], "aliases": ["other.name"]}})
    for name in ("site", "SITE", "other.name", "site.mesh"):
        assert (await settled(user.client.get(name, "/echo"))).status_code == 200
        assert (await settled(user.client.get(f"http://{name}/echo"))).status_code == 200
    assert len(server.requests) == 8


async def test_unknown_service_is_an_error_before_anything_is_sent(
    user: User, server: ScriptedServer
) -> None:
    """In the service form a name cannot be an outside origin; the nearest name is told."""
    with pytest.raises(NoEndpointError, match="did you mean 'site'") as caught:
        await settled(user.client.get("sites", "/echo"))
    assert caught.value.service == "sites"
    for call in (user.client.service, lambda name: user.client.explain(name, "/echo")):
        with pytest.raises(NoEndpointError):
            call("sites")
    assert server.requests == []


async def test_explain_sends_nothing(user: User, server: ScriptedServer) -> None:
    """It tells the service and the endpoint that a GET would be sent to, in every form."""
    client = user.client
    for report in (
        client.explain("http://site/echo"),
        client.explain("site", "/echo"),
        client.service("site").explain("/echo"),
        client.mesh.explain(client.build_request("GET", "site", "/echo")),
    ):
        assert report.service == "site"
        assert report.endpoint.url == server.url
    assert server.connections == []


async def test_bound_client_tells_its_name(user: User) -> None:
    """Its repr and `name` do."""
    bound = user.client.service("site")
    assert bound.name == "site"
    assert repr(bound).endswith("ServiceClient 'site'>")


async def test_outside_url_gets_the_same_report(user: User, server: ScriptedServer) -> None:
    """A URL whose host is no service is one as well, named by its origin."""
    response: httpx.Response = await settled(user.client.get(f"{server.url}/echo"))
    assert response.extensions["mesh"].service == server.url
    assert user.client.explain(f"{server.url}/echo").service == server.url
