"""uvicorn around a service of the row, by mutual TLS."""

from __future__ import annotations

from typing import Any

import uvicorn

from meshlib.integrations import Meshed
from meshlib.integrations.uvicorn import tls_options

from .told import SETTINGS


def run_uvicorn(app: Any, meshed: Meshed) -> None:
    """Serve *app* until the process is told to end."""
    tls = tls_options(meshed.client.mesh)
    uvicorn.run(app, port=SETTINGS["port"], log_level="warning", lifespan="on", **tls)
