"""A relay between a client and a server, which cuts connections when it is told to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """
    Passes bytes on between whoever connects to `url` and the server at *target*.

    Threads do it, one for each direction of each connection.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        self.cut()
        for thread in self._threads[1:]:
            thread.join()

    def cut(self) -> None:
        """End every connection, in the middle of whatever it carries."""
        with self._lock:
            ended, self._open = self._open, []
        for one in ended:
            with suppress(OSError):  # it has ended already
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            ends = [client, server]
            left = threading.Semaphore(1)  # the second to end closes both
            with self._lock:
                self._open += ends
            for source, sink in ((client, server), (server, client)):
                arguments = (source, sink, left, ends)
                thread = threading.Thread(target=self._pump, args=arguments, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        left: threading.Semaphore,
        ends: list[socket.socket],
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in ends:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if not left.acquire(blocking=False):
            for one in ends:
                one.close()
