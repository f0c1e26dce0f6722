"""What the source and the registrar may do at a real agent that asks who they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.consul import ConsulDiscovery, ConsulRegistrar
from meshlib.discovery.registration import make_instance
from support import Reply, replies
from support.real.consul import ConsulAgent
from support.real.following import first, following

A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))
ROOT = "11111111-2222-3333-4444-000000000001"
READS = "11111111-2222-3333-4444-000000000002"
READS_TOO = "11111111-2222-3333-4444-000000000003"
WRITES = "11111111-2222-3333-4444-000000000004"
SEES_ALL = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }'


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """An agent that denies what it is not told to allow, with some tokens."""
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": ROOT, "agent": ROOT}}
    directory = tmp_path_factory.mktemp("consul")
    with ConsulAgent(directory, config={"acl": acl}, token=ROOT) as agent:
        agent.tell("/acl/policy", {"Name": "reads", "Rules": SEES_ALL})
        write = 'service_prefix "web" { policy = "write" }'
        agent.tell("/acl/policy", {"Name": "writes", "Rules": write})
        for secret, policy in ((READS, "reads"), (READS_TOO, "reads"), (WRITES, "writes")):
            give(agent, secret, policy)
        agent.add("web", A)
        yield agent


def give(agent: ConsulAgent, secret: str, policy: str) -> None:
    """Make a token."""
    agent.tell("/acl/token", {"SecretID": secret, "Policies": [{"Name": policy}]})


def revoke(agent: ConsulAgent, secret: str) -> None:
    """Delete a token."""
    accessor = agent.client.get("/v1/acl/token/self", headers={"x-consul-token": secret}).json()
    agent.client.delete(f"/v1/acl/token/{accessor['AccessorID']}").raise_for_status()


async def test_a_token_opens(consul: ConsulAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a setting, and as the variable that Consul's own tools obey."""
    assert [A] == [one.url for one in await first(ConsulDiscovery(consul.url, token=READS), "web")]
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", READS)
    monkeypatch.setenv("CONSUL_HTTP_ADDR", consul.url)
    assert [A] == [one.url for one in await first(ConsulDiscovery(), "web")]


async def test_a_wrong_token_is_refused(
    consul: ConsulAgent, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a failure and no empty list, and nowhere is the token repeated."""
    with caplog.at_level(logging.DEBUG), pytest.raises(DiscoveryError) as error:
        await first(ConsulDiscovery(consul.url, token="hunter2-hunter2"), "web")
    assert ("web", "consul") == (error.value.service, error.value.source)
    assert f"the agent at {consul.url} answered 403: ACL not found" == str(error.value)
    assert "hunter2" not in caplog.text


async def test_an_agent_says_nothing_of_what_is_hidden(consul: ConsulAgent) -> None:
    """Before Consul 1.11 a missing permission looks like a service without instances."""
    assert () == await first(ConsulDiscovery(consul.url), "web")


async def test_what_is_hidden_is_a_failure(serve: Any) -> None:
    """Later versions say so by a header, documented under "Results filtered by ACLs"."""
    hidden = {"x-consul-index": "7", "x-consul-results-filtered-by-acls": "true"}
    server = serve(replies(Reply(200, b"[]", hidden)))
    with pytest.raises(DiscoveryError, match="hides what the token may not see"):
        await first(ConsulDiscovery(server.url), "web")


async def test_an_echoed_token_is_not_repeated(serve: Any) -> None:
    """Whatever a proxy puts into its error page."""
    server = serve(replies(Reply(403, b"no permission for hunter2-hunter2, sorry")))
    with pytest.raises(DiscoveryError, match=r"403: no permission for \.\.\., sorry"):
        await first(ConsulDiscovery(server.url, token="hunter2-hunter2"), "web")


async def test_a_file_is_read_again(consul: ConsulAgent, tmp_path: Path) -> None:
    """A token is replaced while a watch lasts, and the old one taken back."""
    file = tmp_path / "token"
    file.write_text("not-yet")
    source = ConsulDiscovery(consul.url, token_file=str(file), wait="200ms")
    with pytest.raises(DiscoveryError, match="ACL not found"):
        await first(source, "web")
    file.write_text(READS_TOO)
    try:
        async with following(source, "web") as seen:
            await seen.until_urls(A)
            file.write_text(READS)
            revoke(consul, READS_TOO)
            consul.add("web", B)
            await seen.until_urls(A, B)
            file.write_text("revoked")
            assert "ACL not found" in str(await seen.until_error())
    finally:
        consul.drop("web", B)
        give(consul, READS_TOO, "reads")


async def test_a_registrar_needs_to_write(consul: ConsulAgent) -> None:
    """A token that may only read is refused, and named by nobody."""
    instance = make_instance("web", Endpoint(B), ttl=10.0)
    async with ConsulRegistrar(consul.url, token=READS).session() as session:
        with pytest.raises(DiscoveryError, match="answered 403: Permission denied"):
            await session.register(instance)
    async with (
        ConsulRegistrar(consul.url, token=WRITES).session() as session,
        ConsulRegistrar(consul.url, token=READS).session() as other,
    ):
        await session.register(instance)
        assert await session.renew(instance)
        for method in (other.renew, other.deregister):
            with pytest.raises(DiscoveryError, match="answered 403: Permission denied") as error:
                await method(instance)
            assert READS not in str(error.value)
        await session.deregister(instance)


async def test_a_token_may_be_replaced_on_the_way(consul: ConsulAgent) -> None:
    """When the one that was sent is refused and the file holds another by then, that is used."""

    class Replaced:
        """A file that changes after it was read."""

        tokens = ["revoked", READS]

        async def read(self) -> str:
            """What it holds now."""
            return self.tokens.pop(0)

    source = ConsulDiscovery(consul.url)
    source._agent._token = cast("Any", Replaced())
    assert [A] == [one.url for one in await first(source, "web")]
