"""Checks by a TLS handshake against real servers."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from meshlib import Endpoint
from meshlib._clock import wall
from meshlib.health import TlsCheckOptions
from meshlib.health._checker import CheckFailedError
from meshlib.health._tls import TlsChecker
from meshlib.health._trust import Trust
from support import Peer, ScriptedServer, close_at_once, replies
from support.checks import checked

Serve = Callable[..., ScriptedServer]
DAY = timedelta(days=1)


class Site:
    """An authority, and servers with certificates of it."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self._authority = trustme.CA()
        self._serve = serve
        self.ca = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca)

    def server(self, *names: str, days: float = 30.0) -> ScriptedServer:
        """One whose certificate is for *names*, and valid for so many more days."""
        now = datetime.fromtimestamp(wall(), UTC)
        leaf = self._authority.issue_cert(
            *names, not_before=now - 60 * DAY, not_after=now + days * DAY
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return self._serve(replies(), tls=context)


@pytest.fixture
def site(tmp_path: Path, serve: Serve) -> Site:
    """An authority that lives as long as the test."""
    return Site(tmp_path, serve)


async def tls(url: str, timeout: float = 20.0, **options: Any) -> str | None:
    """The result of one check."""
    return await checked(url, timeout=timeout, tls=options)


async def test_a_good_certificate_passes(site: Site) -> None:
    """Whatever the endpoint's scheme; the connection is closed then."""
    server = site.server("127.0.0.1")
    assert await tls(server.url, ca=site.ca) is None
    assert await tls(server.url.replace("https", "http"), ca=site.ca) is None
    await server.until(lambda: all(one.closed for one in server.connections))


async def test_another_authority_is_refused(site: Site) -> None:
    """Unless nothing is verified."""
    server = site.server("127.0.0.1")
    assert (await tls(server.url) or "").startswith("the certificate is refused: ")
    assert await tls(server.url, verify=False) is None


async def test_another_name_is_refused(site: Site) -> None:
    """The endpoint's host is expected, or what it is called instead."""
    server = site.server("users.internal")
    refused = await tls(server.url, ca=site.ca)
    assert refused is not None
    assert refused.startswith("the certificate is refused: ")
    assert await tls(server.url, ca=site.ca, server_name="users.internal") is None


async def test_an_expired_certificate_is_refused(site: Site) -> None:
    """By its own words."""
    server = site.server("127.0.0.1", days=-1)
    assert "the certificate is refused: certificate has expired" == await tls(
        server.url, ca=site.ca
    )


async def test_a_certificate_that_expires_soon_is_refused(site: Site) -> None:
    """When so much validity is asked for; the reason says what is left."""
    server = site.server("127.0.0.1", days=10)
    assert await tls(server.url, ca=site.ca, min_validity="216h") is None
    reason = await tls(server.url, ca=site.ca, min_validity="336h")
    assert reason in {f"the certificate is valid for {days} days only" for days in ("10.0", "9.9")}


async def test_validity_is_of_the_clock(site: Site) -> None:
    """The wall clock, as certificates are dated."""
    server = site.server("127.0.0.1", days=10)
    options = TlsCheckOptions(ca=site.ca, min_validity=86400.0)
    late = TlsChecker(options, trust=Trust(options), port=None, clock=lambda: wall() + 9.5 * 86400)
    with pytest.raises(CheckFailedError, match=r"valid for 0\.[45] days only"):
        await late.check(Endpoint(server.url))


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("users.internal", True),
        ("USERS.internal", True),
        ("a.shop.example", True),
        ("a.b.shop.example", False),
        ("shop.example", False),
        ("orders.internal", False),
        ("127.0.0.1", True),
        ("10.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:DB8:0::0:1", True),
        ("2001:db8::2", False),
    ],
)
async def test_further_names_must_be_covered(site: Site, name: str, good: bool) -> None:
    """Hosts and addresses; a wildcard stands for one label."""
    server = site.server("127.0.0.1", "users.internal", "*.shop.example", "2001:db8::1")
    reason = await tls(server.url, ca=site.ca, names=[name])
    assert reason == (None if good else f"the certificate is not for {name}")


async def test_no_tls_at_all_fails(serve: Serve) -> None:
    """What answers otherwise, or not at all."""

    async def talks(peer: Peer) -> None:
        await peer.send(b"SSH-2.0-OpenSSH_9\r\n")
        await peer.gone()

    for script in (talks, close_at_once()):
        reason = await tls(serve(script).url)
        assert reason is not None
        assert reason.startswith("the TLS handshake failed: ")


async def waits(peer: Peer) -> None:
    """Says nothing until the client goes."""
    await peer.gone()


async def test_a_hung_handshake_ends(serve: Serve) -> None:
    """With the timeout, and leaves no connection behind."""
    server = serve(waits)
    assert "no result after 0.2 s, while connecting" == await tls(server.url, timeout=0.2)
    await server.until(lambda: server.connections and server.connections[0].closed)


async def test_a_rotated_authority_is_read_again(site: Site, serve: Serve, tmp_path: Path) -> None:
    """The file is looked at for each connection, and read when it has changed."""
    options = TlsCheckOptions(ca=site.ca)
    trust = Trust(options)
    checker = TlsChecker(options, trust=trust, port=None)
    before = trust.context()
    assert before is trust.context()
    folder = tmp_path / "other"
    folder.mkdir()
    other = Site(folder, serve)
    shutil.copyfile(other.ca, site.ca)
    await checker.check(Endpoint(other.server("127.0.0.1").url))
    await checker.aclose()
    assert before is not trust.context()
