"""A real agent that serves https, and knows its clients by their certificates."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.consul import ConsulDiscovery, ConsulRegistrar
from meshlib.discovery.registration import make_instance
from support.real.consul import ConsulAgent
from support.real.following import first
from support.tls import Authority

A = "http://127.0.0.1:8001"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An authority, a certificate of the agent and one of a client."""
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority()
    return {
        "ca": authority.write(directory / "ca.pem"),
        "agent": authority.write_leaf(directory / "agent.pem", "server.dc1.consul"),
        "client": authority.write_leaf(directory / "client.pem", "client.dc1.consul"),
        "other": Authority().write(directory / "other.pem"),
    }


@pytest.fixture(scope="module")
def consul(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> Iterator[ConsulAgent]:
    """An agent without http, at which a client must show a certificate."""
    config = {
        "ca_file": files["ca"],
        "cert_file": files["agent"],
        "key_file": files["agent"],
        "verify_incoming": True,
    }
    context = ssl.create_default_context(cafile=files["ca"])
    context.check_hostname = False
    context.load_cert_chain(files["client"])
    with ConsulAgent(tmp_path_factory.mktemp("consul"), config=config, tls=context) as agent:
        agent.add("web", A)
        yield agent


def tls(files: dict[str, str], **more: Any) -> dict[str, Any]:
    """The settings that fit."""
    return {
        "ca": files["ca"],
        "cert": files["client"],
        "key": files["client"],
        "server_name": "server.dc1.consul",
        **more,
    }


async def test_both_show_who_they_are(consul: ConsulAgent, files: dict[str, str]) -> None:
    """The agent is known by a name that is not its address."""
    source = ConsulDiscovery(consul.url, tls=tls(files))
    assert [A] == [one.url for one in await first(source, "web")]


async def test_the_environment_will_do(
    consul: ConsulAgent, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables of Consul's own tools."""
    monkeypatch.setenv("CONSUL_HTTP_ADDR", consul.url.removeprefix("https://"))
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    monkeypatch.setenv("CONSUL_CACERT", files["ca"])
    monkeypatch.setenv("CONSUL_CLIENT_CERT", files["client"])
    monkeypatch.setenv("CONSUL_CLIENT_KEY", files["client"])
    monkeypatch.setenv("CONSUL_TLS_SERVER_NAME", "server.dc1.consul")
    assert [A] == [one.url for one in await first(ConsulDiscovery(), "web")]


@pytest.mark.parametrize("more", [{"ca": "other"}, {"server_name": "another.name"}])
async def test_an_agent_must_be_the_right_one(
    consul: ConsulAgent, files: dict[str, str], more: dict[str, str]
) -> None:
    """Signed by the authority, and called as it is to be."""
    settings = tls(files, **{key: files.get(value, value) for key, value in more.items()})
    with pytest.raises(DiscoveryError, match="CERTIFICATE_VERIFY_FAILED"):
        await first(ConsulDiscovery(consul.url, tls=settings), "web")


async def test_a_client_must_be_known(consul: ConsulAgent, files: dict[str, str]) -> None:
    """Without a certificate of its own it is refused, which is a failure and no list."""
    settings = {"ca": files["ca"], "server_name": "server.dc1.consul"}
    with pytest.raises(DiscoveryError, match=f"the agent at {consul.url} fails"):
        await first(ConsulDiscovery(consul.url, tls=settings), "web")


async def test_a_missing_file_is_a_failure_for_a_while(
    consul: ConsulAgent, files: dict[str, str], tmp_path: Path
) -> None:
    """Certificates are read when a watch begins, so they may come later or be renewed."""
    late = tmp_path / "late.pem"
    source = ConsulDiscovery(consul.url, tls=tls(files, cert=str(late), key=str(late)))
    with pytest.raises(DiscoveryError, match="cannot be asked"):
        await first(source, "web")
    shutil.copy(files["client"], late)
    assert [A] == [one.url for one in await first(source, "web")]


async def test_instances_are_registered(consul: ConsulAgent, files: dict[str, str]) -> None:
    """The registrar speaks as the source does."""
    instance = make_instance("shop", Endpoint("https://127.0.0.1:8443"), ttl=10.0)
    registrar = ConsulRegistrar(consul.url, tls=tls(files))
    async with registrar.session() as session:
        await session.register(instance)
        assert await session.renew(instance)
        source = ConsulDiscovery(consul.url, tls=tls(files))
        assert ["https://127.0.0.1:8443"] == [one.url for one in await first(source, "shop")]
        await session.deregister(instance)
