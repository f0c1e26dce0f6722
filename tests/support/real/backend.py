"""What the tests of every source need of its real server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol


class Backend(Protocol):
    """
    One real server, in which the tests register, change and remove instances.

    What it is told is with the server when a method returns. *spec* is what a
    configuration document says under `discovery`.
    """

    name: str
    spec: Any
    lag: float
    """Seconds within which a change must be seen."""
    survives: bool
    """Whether it still knows its instances after `kill` and `start`."""

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Have *service* served at *url*; tell other weight and metadata of a known one."""

    def remove(self, service: str, url: str) -> None:
        """Have *service* served at *url* no more."""

    def kill(self) -> None:
        """End the server without a goodbye."""

    def start(self) -> None:
        """Start it again at the same address, and wait until it answers."""


def backend(name: str, directory: Path) -> AbstractContextManager[Backend]:
    """The server called *name*, with its files in *directory*; it ends with the context."""
    made: AbstractContextManager[Backend] = import_module(f"support.real.{name}").Backend(directory)
    return made
