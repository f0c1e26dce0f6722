"""Where the daemon is looked for."""

from __future__ import annotations

import hashlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery.docker import DockerDiscovery
from meshlib.discovery.docker._daemon import Daemon, find_daemon


def found(address: str | None = None, tls: Any = None, **environ: str) -> Daemon:
    """The daemon that is found."""
    return find_daemon(address, tls, {"DOCKER_CONFIG": "nowhere", **environ})


@pytest.mark.parametrize(
    ("address", "shown", "host", "url"),
    [
        ("unix:///run/a.sock", "unix:///run/a.sock", "127.0.0.1", "http://docker"),
        ("tcp://d.example", "tcp://d.example:2375", "d.example", "http://d.example:2375"),
        ("tcp://d.example:1/a", "tcp://d.example:1/a", "d.example", "http://d.example:1/a"),
        ("tcp://[::1]:1", "tcp://[::1]:1", "::1", "http://[::1]:1"),
        ("http://d.example:1", "tcp://d.example:1", "d.example", "http://d.example:1"),
        ("https://d.example", "tcp://d.example:2376", "d.example", "https://d.example:2376"),
    ],
)
def test_addresses(address: str, shown: str, host: str, url: str) -> None:
    """Those that `DOCKER_HOST` may have, but for ssh and pipes of Windows."""
    for daemon in (found(address), found(DOCKER_HOST=address)):
        assert (shown, host, url) == (daemon.shown, daemon.host, daemon.http.address)


@pytest.mark.parametrize(
    "address",
    [
        "ssh://d.example",
        "npipe:////./pipe/docker",
        "d.example:2375",
        "tcp://",
        "unix://a",
        "tcp://a:b",
    ],
)
def test_addresses_that_are_not_supported(address: str) -> None:
    """The message says what is, and where the address was said."""
    with pytest.raises(ConfigurationError, match=r"^daemon: .*; write unix:///PATH"):
        found(address)
    with pytest.raises(ConfigurationError, match=r"^DOCKER_HOST: "):
        found(DOCKER_HOST=address)


def test_credentials_in_an_address_are_refused() -> None:
    """The API has none, and messages name the address."""
    with pytest.raises(ConfigurationError, match="not supported"):
        found("tcp://user:secret@d.example")


def test_the_usual_socket_is_the_default() -> None:
    """It is taken when nothing else is said."""
    assert "unix:///var/run/docker.sock" == found().shown
    assert "unix:///var/run/docker.sock" == found(DOCKER_CONTEXT="default").shown


def test_the_setting_wins_over_the_environment() -> None:
    """And the environment over a context."""
    environ = {"DOCKER_HOST": "tcp://a", "DOCKER_CONTEXT": "far", "DOCKER_TLS_VERIFY": "1"}
    assert "unix:///b" == found("unix:///b", **environ).shown
    assert "http://c:2375" == found("tcp://c", **environ).http.address
    assert "tcp://a:2376" == found(**environ).shown


def test_tls_by_setting_and_by_environment(certificates: dict[str, str], tmp_path: Path) -> None:
    """The files are those of the setting, or have the names that the `docker` command expects."""
    directory = str(Path(certificates["ca"]).parent)
    by_setting = found("tcp://d.example", certificates)
    by_environment = found(
        DOCKER_HOST="tcp://d.example", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=directory
    )
    by_home = found(DOCKER_HOST="tcp://d.example", DOCKER_TLS_VERIFY="1", DOCKER_CONFIG=directory)
    for daemon in (by_setting, by_environment, by_home):
        assert "https://d.example:2376" == daemon.http.address
        assert ssl.CERT_REQUIRED == daemon.http._tls.context().verify_mode
        assert 1 == len(daemon.http._tls.context().get_ca_certs())
    assert "http://d.example:2375" == found(DOCKER_HOST="tcp://d.example").http.address
    with pytest.raises(ConfigurationError, match="tls: a Unix socket has no TLS"):
        found("unix:///a", certificates)
    assert "unix:///a" == found(DOCKER_HOST="unix:///a", DOCKER_TLS_VERIFY="1").shown


def context(directory: Path, name: str, endpoint: Any) -> Path:
    """A context as `docker context create` stores it; where its files of TLS belong."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = directory / "contexts" / "meta" / digest / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    return directory / "contexts" / "tls" / digest / "docker"


def test_contexts(tmp_path: Path, certificates: dict[str, str]) -> None:
    """The one that a variable names, or that was chosen by `docker context use`."""
    context(tmp_path, "near", {"Host": "unix:///near.sock", "SkipTLSVerify": False})
    files = context(tmp_path, "far", {"Host": "tcp://far.example:2376", "SkipTLSVerify": False})
    context(tmp_path, "trusting", {"Host": "tcp://far.example:2376", "SkipTLSVerify": True})
    files.mkdir(parents=True)
    for name, path in certificates.items():
        (files / f"{name}.pem").write_bytes(Path(path).read_bytes())
    (tmp_path / "config.json").write_text('{"currentContext": "near"}')
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert "unix:///near.sock" == found(**environ).shown
    far = found(**environ, DOCKER_CONTEXT="far")
    assert "https://far.example:2376" == far.http.address
    assert 1 == len(far.http._tls.context().get_ca_certs())
    trusting = found(**environ, DOCKER_CONTEXT="trusting")
    assert ssl.CERT_NONE == trusting.http._tls.context().verify_mode
    with pytest.raises(ConfigurationError, match="DOCKER_CONTEXT: the context 'none' of Docker"):
        found(**environ, DOCKER_CONTEXT="none")


@pytest.mark.parametrize("endpoints", ["[]", '{"docker": []}', '{"docker": {"Host": 1}}'])
def test_a_context_of_another_shape_is_refused(tmp_path: Path, endpoints: str) -> None:
    """Nothing is guessed from it."""
    context(tmp_path, "odd", {})
    for meta in tmp_path.rglob("meta.json"):
        meta.write_text(f'{{"Endpoints": {endpoints}}}')
    with pytest.raises(ConfigurationError, match="the context 'odd'"):
        found(DOCKER_CONFIG=str(tmp_path), DOCKER_CONTEXT="odd")


def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"DOCKER_CONFIG: .*config\.json cannot be read"):
        found(DOCKER_CONFIG=str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    assert "unix:///var/run/docker.sock" == found(DOCKER_CONFIG=str(tmp_path)).shown


def test_the_home_directory_has_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `.docker`, unless a variable says otherwise."""
    monkeypatch.setenv("HOME", str(tmp_path))
    context(tmp_path / ".docker", "near", {"Host": "unix:///near.sock"})
    assert "unix:///near.sock" == find_daemon(None, None, {"DOCKER_CONTEXT": "near"}).shown


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"daemon": ""}, "daemon"),
        ({"tls": {"cafile": "a"}, "daemon": "tcp://a"}, "tls.cafile"),
        ({"project": ""}, "project"),
        ({"service": 1}, "service"),
        ({"label_prefix": ""}, "label_prefix"),
        ({"service_label": ""}, "service_label"),
        ({"address": "hosts"}, "address"),
        ({"host": ""}, "host"),
        ({"network": 1}, "network"),
        ({"scheme": "ftp"}, "scheme"),
        ({"include_unhealthy": "yes"}, "include_unhealthy"),
        ({"timeout": 0}, "timeout"),
        ({"idle_timeout": "soon"}, "idle_timeout"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], path: str) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigurationError) as error:
        DockerDiscovery(**{"daemon": "unix:///a", **settings})
    assert path == error.value.path
