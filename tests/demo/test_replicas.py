"""The server processes of the demo obey, die, come back, and never outlive it."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from meshlib._demo import server
from meshlib._demo.replicas import Replicas
from meshlib._demo.server import Behaviour


def behaviour(**orders: object) -> Behaviour:
    """A behaviour ordered at time 100."""
    return Behaviour(orders, 100.0, random.Random(1))


def test_healthy_replica_answers() -> None:
    """Without orders every answer is a 200 after some milliseconds."""
    well = behaviour()
    assert (200, 0.0) == well.answer(100.0)
    assert all(0.5 * server.LATENCY < well.pause() < 2 * server.LATENCY for _ in range(100))


def test_flapping_replica_is_sick_and_well_by_turns() -> None:
    """Sick it answers 503 or hangs up, well it answers 200."""
    flapping = behaviour(flap=0.5)
    sick = [flapping.answer(at)[0] for at in (100.0, 100.1, 101.2, 101.4)]
    assert [503, None, 503, None] == sick
    assert [200, 200] == [flapping.answer(at)[0] for at in (100.6, 101.6)]


def test_limited_replica_says_when_to_come_back() -> None:
    """What is above the limit of a window is refused until the next window begins."""
    limited = behaviour(limit=[2, 0.5])
    assert [200, 200] == [limited.answer(100.1)[0] for _ in range(2)]
    assert (429, pytest.approx(0.3)) == limited.answer(100.2)
    assert (503, pytest.approx(0.1)) == limited.answer(100.4)
    assert 200 == limited.answer(100.5)[0]


def test_faulty_replica_hangs_up_on_a_share() -> None:
    """The share of resets and of delays is about what was ordered."""
    faulty = behaviour(reset=0.3, delay=[0.2, 5.0])
    hung_up = sum(faulty.answer(100.0)[0] is None for _ in range(2000))
    held_back = sum(faulty.pause() > 5.0 for _ in range(2000))
    assert 500 < hung_up < 700
    assert 300 < held_back < 500


async def _life_of_replicas() -> None:
    async with Replicas() as replicas, httpx.AsyncClient() as client:
        first = replicas["users-1"]
        port, pid = first.port, first.pid
        answers = [(await client.get(replica.url)).json() for replica in replicas.values()]
        assert [{"replica": name} for name in replicas] == answers
        posted = await client.post(first.url, content=b"x" * 1000)
        assert 200 == posted.status_code

        await first.kill()
        assert not first.alive
        with pytest.raises(httpx.TransportError):
            await client.get(first.url)
        assert float("inf") == first.sick[-1][1]

        payments = replicas["payments-1"]
        await payments.order(limit=[0, 30.0])
        shed = await client.get(payments.url)
        assert 429 == shed.status_code
        assert 0 < int(shed.headers["retry-after-ms"]) <= 30_000
        assert 1 <= int(shed.headers["retry-after"]) <= 30
        assert [] == payments.sick

        await replicas.heal()
        assert first.alive
        assert (port, True) == (first.port, first.pid != pid)
        assert 200 == (await client.get(first.url)).status_code
        assert 200 == (await client.get(payments.url)).status_code
        assert first.sick[-1][1] < float("inf")
    assert not any(replica.alive for replica in replicas.values())


def test_replicas_die_and_come_back() -> None:
    """A killed one is refused until it listens at its old port again; all end with the block."""
    asyncio.run(_life_of_replicas())


def test_replica_ends_with_its_standard_input() -> None:
    """Nobody has to end it: it goes when whoever started it goes, even by `kill -9`."""
    process = subprocess.Popen(
        [sys.executable, str(Path(server.__file__)), "alone"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("alone ")
    process.communicate(timeout=30)
    assert 0 == process.returncode
