"""Answers of every kind of wrongness make endpoints or a DiscoveryError."""

from __future__ import annotations

import asyncio
from typing import Any

import dns.asyncquery
import dns.message
import dns.rcode
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.dns import DnsDiscovery
from meshlib.discovery.dns._server import Server
from support.nameserver import says

NAME = "_http._tcp.web.test"
ANSWERS = [
    says(
        f"{NAME} 60 SRV 0 5 80 a.test",
        f"{NAME} 60 SRV 9 0 81 b.test",
        "+a.test 60 A 10.0.0.1",
        "+b.test 60 AAAA ::1",
        "b.test 9 A 10.0.0.2",
    ),
    says("!test 60 SOA ns.test root.test 1 3600 600 86400 7", rcode=dns.rcode.NXDOMAIN),
    says(f"={NAME} 60 CNAME c.test", "=c.test 60 SRV 0 5 80 a.test"),
]


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bytes, int]]:
    """Mutations of the answers to come: where, by what, and which answer."""
    mutations: list[tuple[int, bytes, int]] = []

    async def ask(self: Any, request: Any, timeout: float, by_tcp: bool, backend: Any) -> Any:
        at, noise, kind = mutations.pop(0) if mutations else (0, b"", 0)
        response: Any = ANSWERS[kind](request, by_tcp)
        wire = response.to_wire()
        at = min(at, len(wire))
        wire = wire[:at] + noise + wire[at + len(noise) :]
        answer = dns.message.from_wire(wire, raise_on_truncation=not by_tcp)
        if not request.is_response(answer):
            raise dns.asyncquery.BadResponse
        return answer

    monkeypatch.setattr(Server, "_ask", ask)
    return mutations


mutation = st.tuples(st.integers(2, 220), st.binary(max_size=4), st.integers(0, 2))


@given(st.lists(mutation, min_size=1, max_size=3), st.sampled_from(["srv", "address"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_nothing_else_is_raised(
    wires: list[tuple[int, bytes, int]], mutations: Any, record: str
) -> None:
    """Bytes of real answers are changed; whoever sends them, the source does not break."""
    wires[:] = mutations

    async def look() -> None:
        source = DnsDiscovery(name=NAME, record=record, servers="127.0.0.1", timeout=0.02)
        snapshots: Any = source.watch("users")
        try:
            found = await anext(snapshots)
        except DiscoveryError:
            return
        finally:
            await snapshots.aclose()
        assert all(isinstance(one, Endpoint) for one in found)

    asyncio.run(look())
