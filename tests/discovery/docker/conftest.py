"""One daemon for all tests of these sources that need a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from support.real.docker import Docker


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of an authority, and of a certificate that both ends may show."""
    directory = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    leaf.private_key_pem.write_to_path(directory / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    return {name: str(directory / f"{name}.pem") for name in ("ca", "cert", "key")}


@pytest.fixture(scope="session")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, str]
) -> Iterator[Docker]:
    """A daemon that runs as long as the tests."""
    directory: Path = tmp_path_factory.mktemp("d")
    with Docker(directory, tls=certificates) as made:
        yield made


@pytest.fixture
def docker(daemon: Docker) -> Iterator[Docker]:
    """The daemon, without containers before and after the test."""
    yield daemon
    for container in daemon.ask("GET", "/containers/json", params={"all": "true"}).json():
        daemon.remove_container(container["Id"])
