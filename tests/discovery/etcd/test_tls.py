"""TLS at a real etcd, with certificates of clients."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.registration import Instance
from support.real.etcd import PREFIX, Member, users
from support.real.following import first, following

A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An authority, a server, and a client with and one without a common name."""
    directory = tmp_path_factory.mktemp("certificates")
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca")
    other.cert_pem.write_to_path(directory / "other")
    for name, common in (("server", None), ("client", None), ("named", "mesh")):
        leaf = authority.issue_cert("127.0.0.1", "etcd.test", common_name=common)
        leaf.private_key_and_cert_chain_pem.write_to_path(directory / name)
    return {path.name: str(path) for path in directory.iterdir()}


@pytest.fixture(scope="module")
def etcd(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module, which lets in whom its authority has signed."""
    arguments = [
        *("--cert-file", files["server"], "--key-file", files["server"]),
        *("--client-cert-auth", "--trusted-ca-file", files["ca"]),
    ]
    trust = ssl.create_default_context(cafile=files["ca"])
    trust.load_cert_chain(files["client"])
    with Member(tmp_path_factory.mktemp("etcd"), arguments=arguments, tls=trust) as member:
        member.set(f"{PREFIX}/users/a", A)
        yield member


async def test_a_certificate_lets_us_in(etcd: Member, files: dict[str, str]) -> None:
    """Requests and watches go over TLS, and show who we are."""
    source = EtcdDiscovery(etcd.url, tls={"ca": files["ca"], "cert": files["client"]})
    async with following(source, "users") as seen:
        await seen.until_urls(A)
        etcd.set(f"{PREFIX}/users/b", B)
        await seen.until_urls(A, B)
        etcd.delete(f"{PREFIX}/users/b")
        await seen.until_urls(A)


async def test_no_certificate_is_a_failure(etcd: Member, files: dict[str, str]) -> None:
    """A server that turns us away is reported, with its address."""
    with pytest.raises(DiscoveryError, match=f"no member of etcd answers: {etcd.url}: "):
        await first(EtcdDiscovery(etcd.url, tls={"ca": files["ca"]}), "users")


async def test_an_unknown_authority_is_a_failure(etcd: Member, files: dict[str, str]) -> None:
    """A server that nobody we trust has signed is not spoken to."""
    with pytest.raises(DiscoveryError, match="certificate verify failed"):
        await first(EtcdDiscovery(etcd.url, tls={"ca": files["other"]}), "users")


async def test_another_name_may_be_expected(etcd: Member, files: dict[str, str]) -> None:
    """A server may be reached under another name than its certificate has."""
    tls = {"ca": files["ca"], "cert": files["client"]}
    known = EtcdDiscovery(etcd.url, tls={**tls, "server_name": "etcd.test"})
    assert [A] == [one.url for one in await first(known, "users")]
    unknown = EtcdDiscovery(etcd.url, tls={**tls, "server_name": "another.test"})
    with pytest.raises(DiscoveryError, match="Hostname mismatch"):
        await first(unknown, "users")


async def test_files_are_read_again(etcd: Member, files: dict[str, str], tmp_path: Path) -> None:
    """A file that is missing or wrong is a failure until it is put right."""
    ca = tmp_path / "ca"
    source = EtcdDiscovery(etcd.url, tls={"ca": str(ca), "cert": files["client"]})
    with pytest.raises(DiscoveryError, match="No such file"):
        await first(source, "users")
    shutil.copyfile(files["ca"], ca)
    assert [A] == [one.url for one in await first(source, "users")]


async def test_a_session_reads_files_again(
    etcd: Member, files: dict[str, str], tmp_path: Path
) -> None:
    """A session that is turned away comes back with what the files say then."""
    ca = tmp_path / "ca"
    shutil.copyfile(files["other"], ca)
    registrar = EtcdRegistrar(etcd.url, tls={"ca": str(ca), "cert": files["client"]})
    instance = Instance(service="sessions", endpoint=Endpoint(A), id="a")
    async with registrar.session() as session:
        with pytest.raises(DiscoveryError, match="certificate verify failed"):
            await session.register(instance)
        shutil.copyfile(files["ca"], ca)
        await session.register(instance)
        await session.deregister(instance)


async def test_a_certificate_is_no_user(etcd: Member, files: dict[str, str]) -> None:
    """
    With users enabled, the gateway asks for a token besides the certificate, and refuses
    every certificate with a common name.
    """
    with users(etcd, mesh="mesh's"):
        tls = {"ca": files["ca"], "cert": files["client"]}
        with pytest.raises(DiscoveryError, match="user name is empty"):
            await first(EtcdDiscovery(etcd.url, tls=tls), "users")
        source = EtcdDiscovery(etcd.url, tls=tls, username="mesh", password="mesh's")
        assert [A] == [one.url for one in await first(source, "users")]
        tls["cert"] = files["named"]
        source = EtcdDiscovery(etcd.url, tls=tls, username="mesh", password="mesh's")
        with pytest.raises(DiscoveryError, match="HTTP 400 in place of JSON: CommonName"):
            await first(source, "users")
