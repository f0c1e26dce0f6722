"""Calls that go on while a test changes the world around them."""

from __future__ import annotations

import threading
from typing import Self

from meshlib import MeshClient


class Traffic:
    """
    Calls of *service* one after the other, from a thread of its own; every failure is kept.
    """

    def __init__(self, client: MeshClient, service: str) -> None:
        self.service = service
        self.calls = 0
        self.failures: list[BaseException] = []
        self._client = client
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"traffic-{service}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._client.get(f"http://{self.service}/", timeout=10.0).raise_for_status()
            except Exception as exc:
                self.failures.append(exc)
            self.calls += 1
            self._over.wait(0.005)
