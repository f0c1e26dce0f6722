"""The test kit under clients of httpx2."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import httpx2
import pytest

import meshlib
from meshlib.httpx2 import AsyncMeshClient, MeshClient
from meshlib.httpx2._bridge import translated


@pytest.mark.mesh(cluster={"payments": {"status": "paid"}})
def test_endpoints_of_a_cluster_answer(fault: Any) -> None:
    """Whoever asks: blocking or not, with a body or without, and through a fault."""
    outage = fault("payments", status=503, times=2)
    with MeshClient("shop") as client:
        response = client.get("payments", "/charge")
        assert isinstance(response, httpx2.Response)
        assert {"status": "paid"} == response.json()
        assert 200 == client.post("payments", "/charge", content=iter([b"a", b"b"])).status_code
    outage.assert_absorbed_by("retry")

    async def main() -> None:
        client = AsyncMeshClient("shop")
        async with client, client.stream("GET", "payments", "/charge") as response:
            assert b"paid" in await response.aread()

    asyncio.run(main())


@pytest.mark.mesh(cluster={"payments": {"status": "paid"}})
def test_failures_are_those_of_httpx2(fault: Any) -> None:
    """Also the ones that endpoints of httpx show, with virtual time for what is slow."""
    with MeshClient("shop") as client:
        fault("payments", error="reset")
        with pytest.raises(httpx2.ReadError):
            client.post("payments", "/charge")
        fault("payments", delay=60)
        with pytest.raises(httpx2.HTTPError):
            client.get("payments", "/charge")


def test_errors_are_translated_by_name() -> None:
    """One of somebody's own becomes what it inherits from."""

    class OwnError(httpx.ConnectTimeout):
        """Of a transport."""

    assert type(translated(httpx.ReadError("a"))) is httpx2.ReadError
    assert type(translated(OwnError("a"))) is httpx2.ConnectTimeout
    assert "a" == str(translated(httpx.WriteError("a")))
    assert issubclass(meshlib.httpx2.CircuitOpenError, meshlib.CircuitOpenError)
