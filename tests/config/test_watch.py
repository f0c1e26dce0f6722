"""A configuration file that is applied again whenever it changes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, MeshConfig
from meshlib.config import load_config, watch_config

PATIENCE = 30.0
"""Seconds after which a change that was not seen fails a test."""


def replace(path: Path, text: str) -> None:
    """Write *text* to *path* by a rename."""
    new = path.with_name("new.tmp")
    new.write_text(text)
    new.replace(path)


class Watched:
    """What the watch of a file told, in order."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[Any](100)

    def apply(self, config: MeshConfig) -> None:
        """Take a configuration."""
        self._send.send_nowait(config.name)

    def on_error(self, error: ConfigurationError) -> None:
        """Take an error."""
        self._send.send_nowait(error)

    async def next(self) -> Any:
        """What is told next."""
        with anyio.fail_after(PATIENCE):
            return await self._receive.receive()

    def close(self) -> None:
        """Be done."""
        self._send.close()
        self._receive.close()


@asynccontextmanager
async def watching(path: Path, *loaded: MeshConfig, **callbacks: Any) -> Any:
    """Watch *path* inside the block."""
    watched = Watched()
    apply = callbacks.get("apply", watched.apply)
    async with anyio.create_task_group() as group:
        group.start_soon(watch_config, path, apply, watched.on_error, *loaded)
        yield watched
        group.cancel_scope.cancel()
    watched.close()


async def test_file_is_applied_now_and_when_it_changes(tmp_path: Path) -> None:
    """What the file says at first counts, too: it may have changed since it was loaded."""
    path = tmp_path / "mesh.yaml"
    replace(path, "name: one")
    async with watching(path) as watched:
        assert "one" == await watched.next()
        replace(path, "name: two")
        assert "two" == await watched.next()


async def test_configuration_in_force_is_not_applied_again(tmp_path: Path) -> None:
    """Only a file that says something else than what was loaded is applied."""
    path = tmp_path / "mesh.yaml"
    replace(path, "name: one")
    loaded = load_config(path)
    async with watching(path, loaded) as watched:
        await anyio.wait_all_tasks_blocked()
        replace(path, "name: two")
        assert "two" == await watched.next()
        replace(path, "name: one")
        assert "one" == await watched.next()

    replace(path, "name: three")
    async with watching(path, loaded) as watched:
        assert "three" == await watched.next()


async def test_merging_code_does_not_hide_the_origin(tmp_path: Path) -> None:
    """A mesh lays its own services over the file, and still knows what it has read."""
    path = tmp_path / "mesh.yaml"
    replace(path, "name: one")
    loaded = load_config(load_config(path), services={"users": ["http://a"]})
    async with watching(path, loaded) as watched:
        await anyio.wait_all_tasks_blocked()
        replace(path, "name: two")
        assert "two" == await watched.next()


async def test_invalid_file_is_told_and_not_applied(tmp_path: Path) -> None:
    """Whatever is wrong with the file, the next good one is applied."""
    path = tmp_path / "mesh.yaml"
    replace(path, "name: one")
    async with watching(path) as watched:
        assert "one" == await watched.next()
        replace(path, "nme: two")
        error = await watched.next()
        assert isinstance(error, ConfigurationError)
        assert "nme" == error.path
        replace(path, "name: [")
        assert ":1: " in str(await watched.next())
        path.unlink()
        assert "no such file" in str(await watched.next())
        replace(path, "name: two")
        assert "two" == await watched.next()


@pytest.mark.parametrize("error", [ConfigurationError("refused"), RuntimeError("a bug")])
async def test_refusal_does_not_end_the_watch(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """What applying raises is the applier's to tell; a bug of his is logged."""
    path = tmp_path / "mesh.yaml"
    replace(path, "name: one")
    send, receive = anyio.create_memory_object_stream[str](10)

    def apply(config: MeshConfig) -> None:
        send.send_nowait(config.name)
        if config.name == "one":
            raise error

    with send, receive:
        async with watching(path, apply=apply):
            with anyio.fail_after(PATIENCE):
                assert "one" == await receive.receive()
                replace(path, "name: two")
                assert "two" == await receive.receive()

    assert ("could not be applied" in caplog.text) is isinstance(error, RuntimeError)
