"""The service in the middle: Flask on gunicorn."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from meshlib.integrations.flask import MeshExtension
from support.chain.told import SETTINGS, export_spans, record, seen

mesh = MeshExtension(config=SETTINGS["document"])
app = Flask(__name__)
mesh.init_app(app)
export_spans(mesh.client)


@app.get("/<path:path>")
def ask(path: str) -> tuple[dict[str, Any], int]:
    """What came here, and what the next service says of it."""
    record("served", path=path)
    response = mesh.client.get("stock", f"/{path}")
    report = response.extensions["mesh"]
    below = response.json() if response.headers.get("content-type") == "application/json" else None
    told = {**seen(request.headers.items()), "below": below, "attempts": len(report.attempts)}
    return told, 502 if response.is_server_error else response.status_code
