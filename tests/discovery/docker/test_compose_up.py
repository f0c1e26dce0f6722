"""A project that Compose runs, seen by both sources."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from meshlib.discovery.docker import ComposeDiscovery
from support.real import find_program, free_port
from support.real.docker import IMAGE, Docker, watching
from support.real.following import following

Compose = Callable[..., Any]
LAG = 1.0
"""Seconds within which a change must be seen."""
FILE = """
name: shop
services:
  users:
    image: {image}
    command: [sleep, "1000000"]
    stop_signal: SIGKILL
    labels: {{meshlib.metadata.version: 1.10, meshlib.weight: 2}}
    ports: ["127.0.0.1:{first}-{last}:80", "127.0.0.1::53/udp"]
    scale: {scale}
  billing:
    extends: users
    labels: {{meshlib.service: bills, meshlib.port: 90}}
    ports: !override ["{other}:90"]
    scale: 1
"""


def pair_of_ports() -> int:
    """The first of two adjacent ports that nobody uses."""
    while True:
        first = free_port()
        try:
            with socket.create_server(("127.0.0.1", first + 1)):
                return first
        except OSError:
            continue


@pytest.fixture
def compose(docker: Docker, tmp_path: Path) -> Any:
    """Compose, for the project in a directory of its own; it is brought down at the end."""
    program = find_program("docker-compose", "MESHLIB_TEST_DOCKER_COMPOSE")
    (tmp_path / "shop").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOCKER_HOST": docker.address,
    }

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [program, *arguments],
            cwd=tmp_path / "shop",
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    yield run
    run("down")


async def test_both_sources_say_the_same(docker: Docker, compose: Compose, tmp_path: Path) -> None:
    """What is published is where the file says it is; and each follows what it reads."""
    first, other = pair_of_ports(), free_port()
    values = {"image": IMAGE, "first": first, "last": first + 1, "other": other}
    file = tmp_path / "shop" / "compose.yaml"
    file.write_text(FILE.format(**values, scale=2))
    by_file = ComposeDiscovery(directory=file.parent)
    by_daemon = watching(docker, project="shop", address="host")
    one, two = (f"http://127.0.0.1:{port}" for port in (first, first + 1))

    async def run(*arguments: str) -> None:
        await anyio.to_thread.run_sync(lambda: compose(*arguments))

    async with (
        following(by_file, "users") as written,
        following(by_daemon, "users") as running,
        following(by_file, "bills") as written_bills,
        following(by_daemon, "bills") as running_bills,
    ):
        await written.until_urls(one, two)
        await running.until_urls()
        await run("up", "--detach")
        await running.until_urls(one, two, within=LAG)
        assert {*written.lists[-1]} == {*running.lists[-1]}
        assert {"version": "1.1"} == running.lists[-1][0].metadata
        await running_bills.until_urls(f"http://127.0.0.1:{other}", within=LAG)
        assert written_bills.lists[-1] == running_bills.lists[-1]
        await run("up", "--detach", "--scale", "users=1")
        await running.until(lambda: len(running.lists[-1]) == 1, within=LAG)
        values["last"] = first
        await anyio.to_thread.run_sync(file.write_text, FILE.format(**values, scale=1))
        await written.until_urls(one)
        await run("up", "--detach")
        await running.until_urls(one, within=LAG)
        assert {*written.lists[-1]} == {*running.lists[-1]}
        await run("stop", "users")
        await running.until_urls(within=LAG)
        await run("start", "users")
        await running.until_urls(one, within=LAG)
        await run("down")
        await running.until_urls(within=LAG)
        await running_bills.until_urls(within=LAG)
        assert {one} == written.urls
