"""The same shop without its mistakes."""

import httpx
from flask import Flask

from meshlib import CallOptions, MeshClient

FAILURES = (httpx.HTTPError, ValueError, KeyError)
SOON = {"mesh": CallOptions(timeout=0.5)}


def create_app() -> Flask:
    app = Flask("shop")
    mesh = MeshClient("shop")
    app.extensions["orders"] = orders = []

    @app.post("/orders/<int:order>")
    def place(order: int):
        try:
            mesh.post("payments", "/charge", json={"order": order}, timeout=1).raise_for_status()
        except FAILURES:
            return {"error": "try again later"}, 503
        orders.append(order)
        try:
            found = mesh.get("stock", f"/items/{order}", extensions=SOON)
            hint = found.raise_for_status().json()["left"]
        except FAILURES:
            hint = None
        return {"order": order, "left": hint}, 201

    @app.get("/history")
    def history():
        try:
            return mesh.get("ledger", "/entries", extensions=SOON).raise_for_status().json()
        except FAILURES:
            return {"error": "try again later"}, 503

    return app
