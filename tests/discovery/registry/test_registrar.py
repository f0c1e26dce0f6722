"""Registering, with registries that do as they are told, and with a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trustme

from meshlib import ConfigurationError, DiscoveryError, Endpoint, register
from meshlib.discovery.registration import make_instance, make_registrar
from meshlib.discovery.registry import RegistryDiscovery, RegistryRegistrar
from support import Reply, ScriptedServer, close_after_request, never_answer, replies
from support.real.registry import Backend

Serve = Callable[..., ScriptedServer]
INSTANCE = make_instance(
    "users",
    Endpoint("http://10.0.0.5:80", 3.0, 1, "edge", {"zone": "a"}),
    instance_id="a+b",
    ttl=6.0,
)
PLACE = "/v1/services/users/instances/a%2Bb"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A real registry."""
    with Backend(tmp_path_factory.mktemp("registry")) as made:
        yield made


async def test_registers_renews_and_leaves(registry: Backend) -> None:
    """As the protocol of registrars says, over and over."""
    registrar = make_registrar({"registry": {"address": registry.url}})
    async with registrar.session() as session:
        assert not await session.renew(INSTANCE)
        await session.deregister(INSTANCE)
        for _ in range(2):
            await session.register(INSTANCE)
            assert await session.renew(INSTANCE)
        (found,) = registry.http.get("/v1/services/users").json()["instances"]
        assert {
            "id": "a+b",
            "url": "http://10.0.0.5:80",
            "weight": 3.0,
            "priority": 1,
            "kind": "edge",
            "metadata": {"zone": "a"},
            "state": "up",
            "ttl": 6.0,
        } == found
        await session.deregister(INSTANCE)
        assert not await session.renew(INSTANCE)
    assert set() == registry.urls("users")


async def test_says_who_we_are_and_what_is_registered(serve: Serve, tmp_path: Path) -> None:
    """With the token of a file that may be replaced."""
    server = serve(replies(200, 204, 204))
    file = tmp_path / "token"
    file.write_text("first")
    async with RegistryRegistrar(server.url, token_file=file).session() as session:
        await session.register(INSTANCE)
        file.write_text("second")
        assert await session.renew(INSTANCE)
        await session.deregister(INSTANCE)
    put, post, delete = server.requests
    assert ("PUT", PLACE, "Bearer first") == (put.method, put.target, put.headers["authorization"])
    assert {"url": "http://10.0.0.5:80", "ttl": 6.0}.items() <= json.loads(put.body).items()
    assert ("POST", f"{PLACE}/heartbeat") == (post.method, post.target)
    assert "Bearer second" == post.headers["authorization"]
    assert ("DELETE", PLACE) == (delete.method, delete.target)
    assert 1 == len(server.connections)


async def test_of_several_the_first_that_answers_is_kept(serve: Serve) -> None:
    """Until it fails; a registry that does not know us says so, and is no failure."""
    first = serve(replies(503), close_after_request(), replies(204))
    second = serve(replies(200, 204, 404, 500, 500))
    registrar = RegistryRegistrar([first.url, second.url])
    async with registrar.session() as session:
        await session.register(INSTANCE)
        assert await session.renew(INSTANCE)
        assert not await session.renew(INSTANCE)
        assert (1, 3) == (len(first.requests), len(second.requests))
        with pytest.raises(DiscoveryError) as error:
            await session.renew(INSTANCE)
        assert f"{second.url}: 500 Internal Server Error" in str(error.value)
        assert f"{first.url}: " in str(error.value)
        assert await session.renew(INSTANCE)
    assert (3, 5) == (len(first.requests), len(second.requests))


async def test_what_is_refused_is_told(serve: Serve) -> None:
    """By the registry's own words, and without the token."""
    body = json.dumps({"detail": "weight: too heavy"}).encode()
    server = serve(replies(Reply(422, body), 404))
    async with RegistryRegistrar(server.url, token="s3cret").session() as session:
        with pytest.raises(DiscoveryError, match="weight: too heavy") as told:
            await session.register(INSTANCE)
        with pytest.raises(DiscoveryError, match="404 Not Found"):
            await session.register(INSTANCE)
    assert "s3cret" not in str(told.value)
    assert ("users", "registry") == (told.value.service, told.value.source)


async def test_a_registry_that_never_answers_is_given_up(serve: Serve) -> None:
    """After the time limit."""
    server = serve(never_answer())
    async with RegistryRegistrar(server.url, timeout="100ms").session() as session:
        with pytest.raises(DiscoveryError, match="ReadTimeout"):
            await session.register(INSTANCE)


async def test_a_token_that_cannot_be_read_is_a_failure(registry: Backend, tmp_path: Path) -> None:
    """Which may be over when the file is there."""
    file = tmp_path / "token"
    async with RegistryRegistrar(registry.url, token_file=file).session() as session:
        with pytest.raises(DiscoveryError, match="token"):
            await session.register(INSTANCE)
        file.write_text("t")
        await session.register(INSTANCE)
        await session.deregister(INSTANCE)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("address", {"address": "nowhere"}),
        ("token", {"token": "a\nb"}),
        ("timeout", {"timeout": "0s"}),
        ("tls.verify", {"tls": {"verify": "no"}}),
    ],
)
def test_a_wrong_setting_is_named(field: str, options: dict[str, Any]) -> None:
    """When the registrar is made."""
    with pytest.raises(ConfigurationError) as error:
        RegistryRegistrar(**options)
    assert field == error.value.path


def test_register_in_a_program(registry: Backend) -> None:
    """The public function, for as long as its block lasts."""
    at = {"registry": {"address": registry.url}}
    with register("orders", "http://10.0.0.5:80", at=at) as registration:
        assert registration.wait(30.0)
        assert {"http://10.0.0.5:80"} == registry.urls("orders")
    assert set() == registry.urls("orders")


async def test_over_tls(tmp_path: Path) -> None:
    """The program serves it, and both clients trust whom they are told to."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    ca, cert = tmp_path / "ca.pem", tmp_path / "cert.pem"
    authority.cert_pem.write_to_path(str(ca))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(cert))
    with Backend(tmp_path, ["--tls-cert", str(cert)], ca=ca) as registry:
        assert registry.url.startswith("https:")
        tls = {"ca": str(ca)}
        async with RegistryRegistrar(registry.url, tls=tls).session() as session:
            await session.register(INSTANCE)
        source = RegistryDiscovery(registry.url, tls=tls)
        async with aclosing(source.watch("users")) as lists:
            assert ["http://10.0.0.5:80"] == [endpoint.url for endpoint in await anext(lists)]
        async with RegistryRegistrar(registry.url).session() as session:
            with pytest.raises(DiscoveryError, match="CERTIFICATE_VERIFY_FAILED"):
                await session.register(INSTANCE)
