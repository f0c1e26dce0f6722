"""What must hold for the shop, whatever fails: run it with the application as `shop.py`."""

import httpx
import pytest
from shop import create_app

SERVICES = {"payments": {"paid": True}, "stock": {"left": 3}, "ledger": [{"order": 1}]}
ANSWERS = {name: httpx.Response(200, json=body) for name, body in SERVICES.items()}


@pytest.mark.mesh(name="shop", cluster=ANSWERS)
@pytest.mark.mesh_explore
def test_orders(mesh_time):
    app = create_app()
    with app.test_client() as user:
        placed = user.post("/orders/1")
        assert placed.status_code in (201, 503)
        assert (placed.status_code == 201) == (app.extensions["orders"] == [1]), "saved, not paid"
        assert mesh_time.elapsed < 2, "an answer took too long"
        history = user.get("/history")
    assert history.status_code == 503 or history.json == [{"order": 1}]
