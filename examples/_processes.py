"""The services of `shop/` as processes, for the examples."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

SHOP = Path(__file__).with_name("shop")
SERVERS = {
    "gateway": ["uvicorn", "gateway:app", "--log-level", "error", "--port"],
    "orders": [
        *("gunicorn", "orders:app", "--log-level", "error", "--threads", "8"),
        *("--no-control-socket", "--bind"),
    ],
    "stock": ["uvicorn", "stock:app", "--log-level", "error", "--port"],
}


class Processes:
    """Each service on a port of its own, from the beginning of the block to its end."""

    def __init__(self) -> None:
        self._ports = {name: free_port() for name in SERVERS}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}

    def __enter__(self) -> "Processes":
        for name in SERVERS:
            self.start(name)
        for name in SERVERS:
            self.wait_for(name)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name in list(self._running):
            self.stop(name)

    def start(self, name: str) -> None:
        """Start the process of a service, which does not listen yet."""
        urls = {f"{service.upper()}_URL": url for service, url in self.urls.items()}
        place = f"{'127.0.0.1:' if name == 'orders' else ''}{self._ports[name]}"
        command = [sys.executable, "-m", *SERVERS[name], place]
        self._running[name] = subprocess.Popen(command, cwd=SHOP, env={**os.environ, **urls})

    def wait_for(self, name: str) -> None:
        """Return when the service listens; raises when it ends instead."""
        while self._running[name].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._ports[name])) == 0:
                    return
            threading.Event().wait(0.05)
        raise RuntimeError(f"{name} did not start")

    def stop(self, name: str) -> None:
        """End the process of a service."""
        process = self._running.pop(name)
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
