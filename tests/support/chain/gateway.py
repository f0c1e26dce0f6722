"""The first service: FastAPI on uvicorn."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from meshlib.integrations.fastapi import MeshDependency, Meshed
from support.chain.running import run_uvicorn
from support.chain.told import SETTINGS, export_spans, record, seen

meshed = Meshed(config=SETTINGS["document"])
app = FastAPI()
meshed.install(app)


@app.get("/{service}/{path:path}")
async def ask(service: str, path: str, request: Request, mesh: MeshDependency) -> Response:
    """What came here, and what *service* says of it."""
    record("served", path=path)
    response = await mesh.get(service, f"/{path}")
    report = response.extensions["mesh"]
    below: Any = None
    if response.headers.get("content-type") == "application/json":
        below = response.json()
    told = {
        **seen(request.headers.items()),
        "below": below,
        "attempts": len(report.attempts),
        "upstream_faults": report.upstream_faults,
    }
    return JSONResponse(told, response.status_code)


if __name__ == "__main__":
    export_spans(meshed.client)
    run_uvicorn(app, meshed)
