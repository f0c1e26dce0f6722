"""Endpoints from compose files that change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, DiscoveryError
from meshlib.discovery import make_discovery
from meshlib.discovery.docker import ComposeDiscovery
from meshlib.discovery.docker.compose import _source
from support.real.following import first, following

LAG = 1.0
"""Seconds within which a change must be seen."""


def replace(path: Path, text: str) -> None:
    """Write *text* to *path* as editors and deployments do: by a rename."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def users(port: int | str) -> str:
    """A compose file that publishes `users` at *port*."""
    return f"services: {{users: {{ports: ['{port}:80']}}}}\n"


def url(port: int) -> str:
    """Where that is called."""
    return f"http://127.0.0.1:{port}"


async def test_every_change_is_seen(tmp_path: Path) -> None:
    """Of the file, of one that comes to override it, and of the variables."""
    file = tmp_path / "compose.yaml"
    replace(file, users(8001))
    source = ComposeDiscovery(directory=tmp_path, _environ={})
    async with following(source, "users") as seen, following(source, "orders") as others:
        await seen.until_urls(url(8001))
        await others.until_urls()
        replace(file, users("${P:-8002}"))
        await seen.until_urls(url(8002), within=LAG)
        replace(tmp_path / ".env", "P=8003\n")
        await seen.until_urls(url(8003), within=LAG)
        override = "services: {users: {ports: !override ['8004:80']}, orders: {ports: ['8005:80']}}"
        replace(tmp_path / "compose.override.yaml", override)
        await seen.until_urls(url(8004), within=LAG)
        await others.until_urls(url(8005), within=LAG)
        (tmp_path / "compose.override.yaml").unlink()
        await seen.until_urls(url(8003), within=LAG)
        await others.until_urls(within=LAG)


async def test_what_is_included_and_extended_is_watched(tmp_path: Path) -> None:
    """As the file itself is, from when it is first read."""
    content = "include: [i.yaml]\nservices: {users: {extends: {service: b, file: b.yaml}}}"
    replace(tmp_path / "compose.yaml", content)
    replace(tmp_path / "i.yaml", "services: {orders: {ports: ['8001:80']}}")
    replace(tmp_path / "b.yaml", "services: {b: {ports: ['8002:80']}}")
    source = ComposeDiscovery(directory=str(tmp_path), _environ={})
    async with following(source, "users") as seen, following(source, "orders") as others:
        await seen.until_urls(url(8002))
        await others.until_urls(url(8001))
        replace(tmp_path / "b.yaml", "services: {b: {ports: ['8003:80']}}")
        await seen.until_urls(url(8003), within=LAG)
        replace(tmp_path / "i.yaml", "services: {orders: {ports: ['8004:80']}}")
        await others.until_urls(url(8004), within=LAG)


async def test_a_broken_file_is_a_failure(tmp_path: Path) -> None:
    """It is told with its place, told again later only, and the next good one is taken."""
    file = tmp_path / "compose.yaml"
    replace(file, users("x"))
    source = ComposeDiscovery([str(file)], _environ={})
    for _ in range(2):
        with pytest.raises(DiscoveryError, match=r"line 1: services\.users\.ports\[0\]: 'x'") as e:
            await first(source, "users")
        assert ("users", "compose") == (e.value.service, e.value.source)
        replace(file, users("x") + "\n")
    replace(file, users("x"))
    async with following(source, "users") as seen:
        replace(file, users(8001))
        await seen.until_urls(url(8001))
    async with following(source, "users") as seen:
        await seen.until_urls(url(8001))


async def test_a_file_that_stays_broken_is_reported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, not at each look."""
    monkeypatch.setattr(_source, "_REMINDER", 0.05)
    source = ComposeDiscovery(directory=tmp_path, _environ={})
    for _ in range(2):
        with pytest.raises(DiscoveryError, match="there is no compose file"):
            await first(source, "users")


async def test_a_file_that_comes_is_seen(tmp_path: Path) -> None:
    """Whoever waits for it need not wait for the next attempt."""
    source = ComposeDiscovery(directory=tmp_path, _environ={})
    with pytest.raises(DiscoveryError):
        await first(source, "users")
    async with following(source, "users") as seen:
        replace(tmp_path / "docker-compose.yml", users(8001))
        await seen.until_urls(url(8001))


async def test_it_is_found_by_name(tmp_path: Path) -> None:
    """A document names it with its settings."""
    replace(tmp_path / "compose.yaml", users(8001))
    settings = {"directory": str(tmp_path), "address": "network", "service": "users"}
    source = make_discovery({"compose": settings})
    assert ["http://users:80"] == [one.url for one in await first(source, "people")]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"files": 1}, "files"),
        ({"files": ["a", ""]}, "files[1]"),
        ({"directory": ""}, "directory"),
        ({"env_file": [1]}, "env_file[0]"),
        ({"profiles": 1}, "profiles"),
        ({"address": "container"}, "address"),
        ({"host": ""}, "host"),
        ({"service": ""}, "service"),
        ({"label_prefix": 1}, "label_prefix"),
        ({"service_label": ""}, "service_label"),
        ({"scheme": "ftp"}, "scheme"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], path: str) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigurationError) as error:
        ComposeDiscovery(**settings)
    assert path == error.value.path


def test_paths_may_be_paths(tmp_path: Path) -> None:
    """As objects, one or several."""
    for files in (tmp_path / "a", [tmp_path / "a"], str(tmp_path / "a")):
        source = ComposeDiscovery(files)
        assert (str(tmp_path / "a"),) == source._project["files"]
