"""Which requests are whose."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from meshlib import (
    CallOptions,
    ConfigurationError,
    Endpoint,
    Mesh,
    MeshClient,
    NoEndpointError,
    RouteDeniedError,
)


def echo(request: httpx.Request) -> httpx.Response:
    """Says where the request arrived."""
    return httpx.Response(200, text=str(request.url))


class Names:
    """Finds one endpoint for every name but `nobody`."""

    name = "names"

    async def watch(self, service: str) -> AsyncIterator[list[Endpoint]]:
        """One list, named after the service."""
        yield [] if service == "nobody" else [Endpoint(f"http://{service}.internal:80")]
        await anyio.sleep_forever()


def client(**options: Any) -> MeshClient:
    """A client whose every request arrives nowhere."""
    return MeshClient("shop", transport=httpx.MockTransport(echo), **options)


USERS = {"users": {"endpoints": ["http://10.0.0.1:80"], "aliases": ["people"]}}


@pytest.mark.parametrize(
    "url",
    [
        "http://users/a",
        "http://USERS/a",
        "http://users:99/a",
        "http://users.mesh/a",
        "http://people/a",
        "https://people.mesh/a",
    ],
)
def test_a_configured_name_is_a_service(url: str) -> None:
    """By name or alias, in any case, with any port or scheme."""
    with client(services=USERS) as made:
        response = made.get(url)
        assert "http://10.0.0.1/a" == response.text
        assert "users" == response.extensions["mesh"].service
        assert httpx.URL(url) == response.request.url


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://api.example/a", "http://api.example"),
        ("https://api.example:8443/a", "https://api.example:8443"),
        ("http://localhost/a", "http://localhost"),
        ("http://127.0.0.1:80/a", "http://127.0.0.1"),
        ("http://[::1]:81/a", "http://[::1]:81"),
        ("http://münchen.example/a", "http://xn--mnchen-3ya.example"),
    ],
)
def test_anything_else_is_an_outside_origin(url: str, origin: str) -> None:
    """Even with a default source: localhost and addresses are not names of services."""
    with client(services=USERS, discovery=Names()) as made:
        response = made.get(url)
        assert origin == response.extensions["mesh"].service
        assert httpx.URL(url) == httpx.URL(response.text)


def test_a_single_label_is_asked_of_the_default_source() -> None:
    """And so is `<name>.mesh`; both are one service."""
    with client(discovery=Names()) as made:
        assert "http://orders.internal/a" == made.get("http://orders/a").text
        assert "http://orders.internal/a" == made.get("http://orders.mesh/a").text
        assert made.mesh.service("orders") is made.mesh.service("orders")


def test_an_unknown_service_says_where_it_was_looked_for() -> None:
    """In the configuration, in the environment, and in no source; and what is near."""
    with client(services=USERS) as made:
        for call in (
            lambda: made.get("user", "/a"),
            lambda: made.get("http://user.mesh/a"),
            lambda: made.service("user"),
        ):
            with pytest.raises(NoEndpointError) as error:
                call()
            assert "user" == error.value.service
            for word in ("configured services (users)", "MESHLIB_SERVICE_USER", "did you mean"):
                assert word in str(error.value)


def test_a_source_that_knows_nobody_is_named() -> None:
    """An empty answer is an answer, and the error names who gave it."""
    with client(discovery=Names()) as made, pytest.raises(NoEndpointError, match="names"):
        made.get("http://nobody/a")


def test_outside_calls_can_be_denied() -> None:
    """Nothing is sent to what nobody configured."""
    with client(config={"outside": "deny", "services": USERS}) as made:
        with pytest.raises(RouteDeniedError, match=r"http://user\.example"):
            made.get("http://user.example/a")
        assert 200 == made.get("users", "/a").status_code


def test_outside_calls_can_pass_through() -> None:
    """Without policies and without a word of the mesh in their headers."""
    seen: list[httpx.Request] = []

    def fail(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503)

    with MeshClient(
        "shop", config={"outside": "passthrough"}, transport=httpx.MockTransport(fail)
    ) as made:
        for _ in range(10):
            assert 503 == made.get("http://api.example/a").status_code
    assert 10 == len(seen)
    assert not [name for name in seen[0].headers if name.startswith("x-")]


def test_origins_are_bounded_and_one_in_trouble_is_kept() -> None:
    """A breaker that is open is not forgotten for an origin that is asked once."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "bad.example":
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    config = {"max_outside_origins": 3, "defaults": {"breaker": {"consecutive_failures": 1}}}
    with MeshClient("shop", config=config, transport=httpx.MockTransport(answer)) as made:
        with pytest.raises(httpx.ConnectError):
            made.get("http://bad.example/")
        for number in range(20):
            made.get(f"http://good{number}.example/")
        known = made.mesh.metrics().services
    assert 3 == len(known)
    assert "open" == known["http://bad.example"].endpoints["http://bad.example:80"].breaker


def test_the_environment_names_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the document, beneath what the code says."""
    monkeypatch.setitem(os.environ, "MESHLIB_SERVICE_USERS", "http://10.9.9.9:80")
    monkeypatch.setitem(os.environ, "MESHLIB_SERVICE_ORDERS", "http://10.8.8.8:80")
    with client(config={"services": USERS}) as made:
        assert "http://10.9.9.9/a" == made.get("users", "/a").text
        assert "http://10.8.8.8/a" == made.get("orders", "/a").text
    with client(services=USERS) as made:
        assert "http://10.0.0.1/a" == made.get("users", "/a").text


def test_options_of_another_type_are_an_error() -> None:
    """A dictionary would be ignored silently, so it is refused."""
    with client(services=USERS) as made:
        with pytest.raises(ConfigurationError, match="CallOptions"):
            made.get("users", "/a", extensions={"mesh": {"timeout": 1}})
        options = {"mesh": CallOptions(timeout=1)}
        assert 200 == made.get("users", "/a", extensions=options).status_code


def test_explain_sends_nothing_and_takes_nothing() -> None:
    """It names the endpoint and the reason, for a URL as for a request."""
    with client(services=USERS) as made:
        for report in (
            made.explain("users", "/a"),
            made.service("users").explain("/a"),
            made.mesh.explain("http://users/a"),
            made.mesh.explain(httpx.Request("POST", "http://users/a")),
        ):
            assert report.endpoint is not None
            assert "http://10.0.0.1:80" == report.endpoint.url
            assert "would go to" in str(report)
        metrics = made.mesh.metrics().services["users"]
    assert (0, 0) == (metrics.attempts, metrics.in_flight)


def test_explain_of_a_service_without_endpoints_has_no_attempt() -> None:
    """There is nowhere to go."""
    mesh = Mesh("shop", services={"empty": []})
    assert mesh.explain("http://empty/").endpoint is None
    assert "Mesh 'shop': 1 services" in repr(mesh)


def test_a_service_with_policies_alone_is_asked_of_the_default_source() -> None:
    """What it says is how it is called, and not that it is nowhere."""
    with client(discovery=Names(), services={"orders": {"timeout": 2}}) as made:
        assert "http://orders.internal/a" == made.get("orders", "/a").text
        assert 2 == made.mesh.service("orders").policies.timeout


@pytest.mark.parametrize("url", ["/a", "a", "", "http:///a", "https://:80/a"])
def test_a_url_without_a_host_is_asked_of_nobody(url: str) -> None:
    """Also with a default source it is UnsupportedProtocol, as httpx has it."""
    for made in (MeshClient("shop", discovery=Names()), client(discovery=Names())):
        for ask in (made.get, made.mesh.explain):
            with pytest.raises(
                httpx.UnsupportedProtocol, match=r"has no (protocol|host); it needs"
            ):
                ask(url)
        made.close()
        assert {} == made.mesh.metrics().services


@pytest.mark.parametrize("host", ["-orders", "mesh", "münchen"])
def test_a_host_that_cannot_name_a_service_is_an_outside_origin(host: str) -> None:
    """As it is without a default source."""
    with client(discovery=Names()) as made:
        assert httpx.URL(f"http://{host}/a") == made.get(f"http://{host}/a").text


@pytest.mark.parametrize("source", [None, Names()])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("http://users", ("cannot be the name", "a URL is given whole", "mean 'users'?")),
        ("users/b", ("cannot be the name", "a URL is given whole", "mean 'users'?")),
        ("users list", ("cannot be the name", "a name has letters", "mean 'users'?")),
        ("", ("'' cannot be the name",)),
        ("localhost", ("reserved", "an address")),
        ("10.0.0.1", ("reserved", "an address")),
        ("mesh", ("reserved", ".mesh")),
    ],
)
def test_what_cannot_be_a_name_is_said_to_be_none(
    source: Any, name: str, words: tuple[str, ...]
) -> None:
    """With a default source, too: the error says what is wrong, and what is near."""
    with client(services=USERS, discovery=source) as made:
        for call in (lambda: made.get(name, "/a"), lambda: made.service(name)):
            with pytest.raises(NoEndpointError) as error:
                call()
            assert name == error.value.service
            for word in words:
                assert word in str(error.value)
        assert ["users"] == list(made.mesh.metrics().services)


def test_the_mesh_suffix_names_nothing_new() -> None:
    """`<name>.mesh` is the service of that name, however it is asked for."""
    with client(discovery=Names()) as made:
        assert made.mesh.service("orders.mesh") is made.mesh.service("orders")
        assert "http://orders.internal/a" == made.get("orders.mesh", "/a").text
        with pytest.raises(NoEndpointError, match="cannot be the name"):
            made.get("http://.mesh/a")


@pytest.mark.parametrize("source", [None, Names()])
def test_a_service_is_called_by_http_only(source: Any) -> None:
    """Another scheme is refused, by whatever the requests are sent, and nothing is counted."""
    for made in (
        client(services=USERS, discovery=source),
        MeshClient("shop", services=USERS, discovery=source),
    ):
        with made:
            for call in (made.get, made.explain, made.post):
                with pytest.raises(httpx.UnsupportedProtocol, match="'ftp://'"):
                    call("ftp://users/a")
            assert ["users"] == list(made.mesh.metrics().services)
            assert 0 == made.mesh.metrics().services["users"].attempts


@pytest.mark.parametrize("port", ["123456", "65536"])
def test_a_port_out_of_range_is_an_invalid_url(port: str) -> None:
    """What httpx says of a port that is no number; it would connect to another one."""
    for made in (client(), MeshClient("shop")):
        with made, pytest.raises(httpx.InvalidURL, match=f"Invalid port: '{port}'"):
            made.get(f"http://api.example:{port}/a")


def test_port_0_cannot_be_connected_to() -> None:
    """And is not taken for no port."""
    with MeshClient("shop") as made, pytest.raises(httpx.ConnectError):
        made.get("http://127.0.0.1:0/a")
