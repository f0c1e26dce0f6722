"""The last service: Starlette on uvicorn."""

from __future__ import annotations

from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from meshlib import register
from meshlib.integrations import Meshed
from support.chain.running import run_uvicorn
from support.chain.told import NAME, SETTINGS, export_spans, record, seen


async def look(request: Request) -> JSONResponse:
    """What came here."""
    record("served", path=request.url.path)
    return JSONResponse(seen(request.headers.items()))


async def hang(request: Request) -> JSONResponse:
    """Work without an end, until somebody cancels it."""
    record("began")
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        record("cancelled")
        raise
    raise AssertionError("unreachable")


async def fail(request: Request) -> JSONResponse:
    """There is never an answer."""
    record("failed")
    return JSONResponse(seen(request.headers.items()), 503)


registration: Any = ()
drain = 0.0
if SETTINGS["registry"]:
    drain = 600.0  # a test says itself when that is over
    registration = register(
        NAME,
        f"https://127.0.0.1:{SETTINGS['port']}",
        at={"registry": {"address": SETTINGS["registry"]}},
    )
meshed = Meshed(config=SETTINGS["document"], registration=registration, drain=drain, sigterm=True)
app = Starlette(routes=[Route("/look/{item}", look), Route("/hang", hang), Route("/fail", fail)])
meshed.install(app)

if __name__ == "__main__":
    export_spans(meshed.client)
    run_uvicorn(app, meshed)
