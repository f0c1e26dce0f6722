"""A shop with three other mistakes that only show when another service fails."""

import httpx
from flask import Flask

from meshlib import MeshClient

FAILURES = (httpx.HTTPError, ValueError, KeyError)


def create_app() -> Flask:
    app = Flask("shop")
    mesh = MeshClient("shop")
    app.extensions["orders"] = orders = []

    @app.post("/orders/<int:order>")
    def place(order: int):
        orders.append(order)  # 1: it stays there when payments fail
        try:
            mesh.post("payments", "/charge", json={"order": order}, timeout=1).raise_for_status()
        except FAILURES:
            return {"error": "try again later"}, 503
        try:
            hint = mesh.get("stock", f"/items/{order}").raise_for_status().json()["left"]
        except FAILURES:  # 2: what is optional may take all the time in the world
            hint = None
        return {"order": order, "left": hint}, 201

    @app.get("/history")
    def history():
        try:
            return mesh.get("ledger", "/entries").raise_for_status().json()
        except Exception:
            return []  # 3: "nothing was ever bought" is not what happened

    return app
