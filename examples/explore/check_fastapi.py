"""What must hold for the shop, whatever fails: run it with the application as `shop.py`."""

import httpx
import pytest
from shop import create_app

from meshlib.testing.inprocess import InProcess

SERVICES = {"rates": {"rate": 2.0}, "payments": {"paid": True}, "recommendations": ["a book"]}
ANSWERS = {name: httpx.Response(200, json=body) for name, body in SERVICES.items()}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.mesh(name="shop", cluster=ANSWERS)
@pytest.mark.mesh_explore
async def test_checkout(mesh_cluster, mesh_injections):
    transport = InProcess({"http://shop": create_app()})
    async with httpx.AsyncClient(transport=transport, timeout=60) as user:
        answers = [await user.post(f"http://shop/checkout/{order}") for order in (1, 2)]
    for answer in answers:
        assert answer.status_code in (200, 503), "not an answer of this service"
        assert answer.status_code == 503 or answer.json()["total"] == 20
    failed = [answer for answer in answers if answer.status_code == 503]
    assert len(failed) <= len(mesh_injections), "an order failed without a fault of its own"
    charges = [served.request.headers.get("idempotency-key") for served in charged(mesh_cluster)]
    assert len(set(charges) - {None}) + charges.count(None) <= 2, "charged twice"


def charged(cluster):
    return cluster["payments"].served
