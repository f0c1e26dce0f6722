"""What two real servers answer while one of them leads, and when none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import anyio
import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery import Supervisor, Timing
from meshlib.discovery.consul import ConsulDiscovery
from support.real.consul import ConsulAgent, Pair
from support.real.following import first, following

A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers that know each other."""
    with Pair(tmp_path_factory.mktemp("pair")) as servers:
        servers.agents[0].add("web", A)
        yield servers


@pytest.fixture
def follower(pair: Pair) -> ConsulAgent:
    """The server that does not lead."""
    return pair.leader_and_follower()[1]


async def test_a_follower_answers(follower: ConsulAgent) -> None:
    """In stale mode, with changes that come a little later."""
    source = ConsulDiscovery(follower.url, consistency="stale", max_stale="5s")
    async with following(source, "moving") as seen:
        await seen.until(lambda: seen.lists == [()])
        follower.add("moving", B)
        await seen.until_urls(B, within=1.0)
        follower.drop("moving", B)
        await seen.until(lambda: seen.lists[-1] == (), within=1.0)


async def test_an_answer_that_is_too_old_is_read_again(follower: ConsulAgent) -> None:
    """A follower is never as new as its leader, whom it asks then; changes are seen as well."""
    source = ConsulDiscovery(follower.url, consistency="stale", max_stale=0)
    async with following(source, "moving") as seen:
        await seen.until(lambda: seen.lists == [()])
        follower.add("moving", B)
        await seen.until_urls(B, within=1.0)
        follower.drop("moving", B)
        await seen.until(lambda: seen.lists[-1] == (), within=1.0)


async def test_nobody_leads(pair: Pair) -> None:
    """Old endpoints are had in stale mode, and any other mode, or a limit, is a failure."""
    leader, follower = pair.leader_and_follower()
    stale = ConsulDiscovery(follower.url, consistency="stale")
    async with following(stale, "web") as seen:
        await seen.until_urls(A)  # the follower has heard of it
    leader.program.freeze()
    try:
        assert [A] == [one.url for one in await first(stale, "web")]
        # Frozen for a moment, the leader has not been missed yet.
        limited = ConsulDiscovery(
            follower.url, consistency="stale", max_stale="500ms", wait="100ms", timeout="1s"
        )
        async with following(limited, "web") as seen:
            error = await seen.until_error()
        assert isinstance(error, DiscoveryError)
        with pytest.raises(DiscoveryError, match=follower.url):
            await first(ConsulDiscovery(follower.url, timeout="1s"), "web")
        assert [A] == [one.url for one in await first(stale, "web")]
    finally:
        leader.program.thaw()
    # The election that follows may take a moment, in which the limit refuses.
    healed = ConsulDiscovery(follower.url, consistency="stale", max_stale="60s")
    supervised: list[set[str]] = []
    found = anyio.Event()

    def publish(endpoints: Iterable[Endpoint]) -> None:
        supervised.append({one.url for one in endpoints})
        if supervised[-1] == {A}:
            found.set()

    async with anyio.create_task_group() as tasks:
        supervisor = Supervisor(healed, "web", publish, lambda event: None, timing=Timing())
        tasks.start_soon(supervisor.run)
        with anyio.fail_after(30.0):
            await found.wait()
        tasks.cancel_scope.cancel()
