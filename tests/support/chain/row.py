"""The three processes: their documents, their start, and what they have written down."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..issuer import Issuer
from ..real import Program, free_port, wait_until

ROOT = Path(__file__).parents[3]
DOMAIN = "spiffe://shop.test"
FORMATS = ["tracecontext", "baggage", "b3", "b3multi"]
SERVICES = {"gateway": "orders", "orders": "stock", "stock": None}
"""Each with the one that it calls."""


class ServiceProcess:
    """One of the services; its files are in *directory*."""

    def __init__(
        self, name: str, document: dict[str, Any], directory: Path, port: int, **settings: Any
    ) -> None:
        self.name = name
        self.document = document
        self.url = f"https://127.0.0.1:{port}"
        self._port = port
        self._records = directory / f"{name}.records"
        self._records.touch()
        path = directory / f"{name}.json"
        settings |= {"document": document, "port": port, "records": str(self._records)}
        path.write_text(json.dumps(settings))
        if name == "orders":
            module = ["gunicorn", "-c", "python:support.chain.gunicorn_settings"]
            module.append("support.chain.orders:app")
        else:
            module = [f"support.chain.{name}"]
        self.log = directory / f"{name}.log"
        self._program = Program(
            [sys.executable, "-m", *module],
            ready=self._listens,
            log=self.log,
            env={
                "CHAIN_SETTINGS": str(path),
                "OTEL_BSP_SCHEDULE_DELAY": "20",
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
            },
        )

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._program.start()

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._program.stop()

    def leave(self) -> None:
        """Tell it to go, as an orchestrator does."""
        os.kill(self._program.pid, signal.SIGTERM)

    def has_ended(self) -> bool:
        """Whether it has gone."""
        return self._program.has_ended()

    def records(self, word: str) -> list[dict[str, Any]]:
        """What it has written down of this kind so far."""
        lines = self._records.read_text().splitlines()
        return [told for told in map(json.loads, lines) if told["word"] == word]

    def wait_for(self, word: str, count: int = 1) -> list[dict[str, Any]]:
        """What it has written down of this kind, as soon as there are *count* of them."""
        wait_until(f"{self.name}: {word}", lambda: len(self.records(word)) >= count)
        return self.records(word)

    def _listens(self) -> bool:
        with socket.create_connection(("127.0.0.1", self._port), 1.0):
            return True


class Row:
    """
    `gateway`, `orders` and `stock`, which run while its block lasts.

    *documents* are merged over what each service has. Only `gateway` may call `orders`, and
    only `orders` may call `stock`; `gateway` knows where `stock` is all the same.
    """

    def __init__(
        self,
        directory: Path,
        *,
        receiver: str,
        documents: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self._directory = directory
        self._issuer = Issuer()
        self._root = self._issuer.write(directory / "ca.pem")
        self._stack = ExitStack()
        self._services: dict[str, ServiceProcess] = {}
        ports = {name: free_port() for name in SERVICES}
        for name in SERVICES:
            document = self._document(name, ports)
            for key, value in (documents or {}).get(name, {}).items():
                document[key] = {**document.get(key, {}), **value}
            self._services[name] = ServiceProcess(
                name, document, directory, ports[name], receiver=receiver, registry=None
            )
        self._receiver = receiver

    def __getitem__(self, name: str) -> ServiceProcess:
        return self._services[name]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for service in self._services.values():
                stack.callback(service.stop)
            with ThreadPoolExecutor() as pool:
                started = [pool.submit(service.start) for service in self._services.values()]
            for each in started:
                each.result()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def another(self, name: str, directory: Path, registry: str) -> ServiceProcess:
        """A further process of the service *name*, not started, which registers at *registry*."""
        document = self._services[name].document
        return ServiceProcess(
            name, document, directory, free_port(), receiver=self._receiver, registry=registry
        )

    def issue(self, name: str) -> dict[str, str]:
        """Files for `spiffe://shop.test/<name>` on the loopback address, as a document has them."""
        directory = self._directory / name
        directory.mkdir()
        pair = self._issuer.issue("127.0.0.1", uris=(f"{DOMAIN}/{name}",))
        cert, key = pair.write(directory)
        return {"cert": cert, "key": key, "ca": self._root}

    def logs(self) -> str:
        """What all of them said."""
        return "\n".join(each.log.read_text(errors="replace") for each in self._services.values())

    def _document(self, name: str, ports: dict[str, int]) -> dict[str, Any]:
        files = self.issue(name)
        known = [other for other in SERVICES if other != name]
        caller = {"gateway": "browser", "orders": "gateway", "stock": "orders"}[name]
        rule = {"name": f"from {caller}", "callers": [f"{DOMAIN}/{caller}"]}
        return {
            "name": name,
            "server_tls": files,
            "telemetry": {"propagation": FORMATS},
            "inbound": {"authorization": {"default": "deny", "rules": [rule]}},
            "defaults": {  # the failures of one test open no circuit to another
                "timeout": "20s",
                "retry": {"max_attempts": 3},
                "breaker": {"consecutive_failures": 1000, "minimum_throughput": 1000},
            },
            "services": {
                other: {
                    "endpoints": [f"https://127.0.0.1:{ports[other]}"],
                    "tls": {**files, "identity": f"{DOMAIN}/{other}"},
                }
                for other in known
            },
        }
