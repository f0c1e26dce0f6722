"""Orders: Flask, for `gunicorn orders:app --threads 8 --bind 127.0.0.1:8001`."""

from pathlib import Path
from typing import Any

from flask import Flask

from meshlib import CallOptions
from meshlib.integrations.flask import MeshExtension, mesh_client

app = Flask(__name__)
mesh = MeshExtension(app, "orders", config=Path(__file__).with_name("shop.yaml"))
mesh.health.depends_on(mesh.client, "stock", critical=False)

ITEMS = {7: "tea", 8: "cups"}
UNKNOWN = CallOptions(timeout=0.5, fallback={"in_stock": None})
"""Without the stock an order is shown all the same, and does not say how much is there."""


@app.get("/<int:number>")
def order(number: int) -> dict[str, Any]:
    """An order, and how much of it is in stock."""
    item = ITEMS[number]
    stock = mesh_client().get("stock", f"/{item}", extensions={"mesh": UNKNOWN})
    return {"order": number, "item": item, **stock.json()}
