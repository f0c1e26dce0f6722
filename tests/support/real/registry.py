"""A registry of our own, as a process with its database in a file."""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from .program import Program, free_port

_TTL = 3600
"""Seconds: what the tests put stays until they remove it."""


class Backend:
    """`python -m meshlib registry`, with *options*, and *token* for whom it asks.

    With *ca* it serves https, by a certificate of that authority.
    """

    name = "registry"
    lag = 1.0
    survives = True

    def __init__(
        self,
        directory: Path,
        options: Sequence[str] = (),
        *,
        database: Path | None = None,
        token: str | None = None,
        ca: Path | None = None,
    ) -> None:
        pytest.importorskip("starlette", reason="starlette is not installed")
        pytest.importorskip("uvicorn", reason="uvicorn is not installed")
        self.database = database or directory / "registry.db"
        self.port = free_port()
        self.url = f"http{'s' if ca else ''}://127.0.0.1:{self.port}"
        self.spec: Any = {"registry": {"address": self.url}}
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        trusted: Any = ssl.create_default_context(cafile=str(ca)) if ca else False
        self.http = httpx.Client(
            base_url=self.url, headers=headers, verify=trusted, trust_env=False, timeout=30.0
        )
        arguments = [sys.executable, "-W", "error", "-m", "meshlib", "registry"]
        arguments += ["--port", str(self.port), "--database", str(self.database), *options]
        self.log = directory / f"registry-{self.port}.log"
        self.program = Program(arguments, ready=self._is_ready, log=self.log)

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()
        self.program.stop()

    def put(
        self,
        service: str,
        url: str,
        *,
        weight: int = 1,
        metadata: Mapping[str, str] | None = None,
        ttl: float = _TTL,
        state: str = "up",
    ) -> None:
        """Register *url*, or say something else of it."""
        document = {
            "url": url,
            "weight": weight,
            "metadata": dict(metadata or {}),
            "ttl": ttl,
            "state": state,
        }
        self.http.put(self.place(service, url), json=document).raise_for_status()

    def remove(self, service: str, url: str) -> None:
        """Deregister *url*."""
        self.http.delete(self.place(service, url)).raise_for_status()

    def urls(self, service: str) -> set[str]:
        """What it knows of *service*."""
        found = self.http.get(f"/v1/services/{service}").raise_for_status().json()
        return {instance["url"] for instance in found["instances"]}

    def place(self, service: str, url: str) -> str:
        """The path of the instance that `put` makes of *url*."""
        return f"/v1/services/{service}/instances/{re.sub(r'[^0-9a-z]+', '-', url)}"

    def kill(self) -> None:
        """End the process at once."""
        self.program.kill()

    def start(self) -> None:
        """Start it again, with the same port and database."""
        self.program.start()
