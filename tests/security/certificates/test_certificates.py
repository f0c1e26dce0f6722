"""Files of certificates, and what of them is in force."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from meshlib import CertificateError, ConfigurationError
from meshlib.events import CertificateExpiring, CertificateLoaded, CertificateRejected
from meshlib.security import Certificates, ServerTLSOptions, TLSOptions
from meshlib.security.certificates._contexts import client_side
from meshlib.security.certificates._examine import examine
from meshlib.security.certificates._material import Material, is_settled, read_material
from support import FakeClock
from support.issuer import DAY, Issuer, Mount, replace

ISSUER = Issuer()
USERS = "spiffe://example.org/users"
PASSWORD = "open sesame"


class World:
    """A directory of certificates, a clock, and the events of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock(1000.0)
        self.events: list[Any] = []
        self.offset = 0.0

    def wall(self) -> float:
        """Real time, as certificates have it, moved by *offset*."""
        import time

        return time.time() + self.offset

    def certificates(self, **options: Any) -> Certificates:
        """Those that the options name."""
        chosen = TLSOptions(**options)
        return Certificates(chosen, emit=self.events.append, clock=self.clock, wall=self.wall)

    def kinds(self) -> list[type]:
        """Which events there were."""
        return [type(event) for event in self.events]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of its own for each test."""
    return World(tmp_path)


def test_a_pair_is_loaded_and_told(world: World) -> None:
    """Identity, end, and an event."""
    cert, key = ISSUER.issue(uris=(USERS,)).write(world.path)
    made = world.certificates(cert=cert, key=key, ca=ISSUER.write(world.path / "ca.pem"))
    assert made.identity is not None
    assert made.identity.spiffe == USERS
    assert made.expires_at == pytest.approx(world.wall() + 90 * DAY, abs=60)
    status = made.status()
    assert (status.identity, status.loaded, status.rejected) == (USERS, 1, 0)
    assert status.roots_not_after is not None
    [event] = world.events
    assert isinstance(event, CertificateLoaded)
    assert (event.certificate, event.identity, event.number) == (cert, USERS, 1)


def test_roots_alone_need_no_certificate(world: World) -> None:
    """A client that shows nothing still trusts only what it is told to."""
    root = ISSUER.write(world.path / "ca.pem")
    made = world.certificates(ca=root)
    assert (made.name, made.identity, made.status().not_after) == (root, None, None)
    assert made.facts.roots == ("CN=tests",)


def test_nothing_at_all_is_the_roots_of_the_system(world: World) -> None:
    """`tls: {identity: ...}` asks for who the peer is, with the usual roots."""
    made = world.certificates(identity="example.org")
    assert made.files == ()
    assert made.status().roots_not_after is None
    made.look()
    assert world.kinds() == [CertificateLoaded]


def test_certificate_and_key_may_share_a_file(world: World) -> None:
    """As many tools write them."""
    pair = ISSUER.issue(uris=(USERS,))
    both = replace(world.path / "both.pem", pair.cert + pair.key)
    assert world.certificates(cert=both).status().identity == USERS


@pytest.mark.parametrize("how", ["text", "file", "variable"])
def test_an_encrypted_key_is_opened(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """By a text, a file or a variable."""
    cert, key = ISSUER.issue("users", password=PASSWORD.encode()).write(world.path)
    monkeypatch.setenv("KEY_PASSWORD", PASSWORD)
    password = {
        "text": PASSWORD,
        "file": {"file": replace(world.path / "password", PASSWORD.encode() + b"\n")},
        "variable": {"variable": "KEY_PASSWORD"},
    }[how]
    made = world.certificates(cert=cert, key=key, key_password=password)
    assert made.status().identity == "users"
    context = made.context(lambda material: client_side(TLSOptions(cert=cert), material))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_password_that_is_nowhere_is_told(world: World) -> None:
    """By the name of the variable."""
    cert, key = ISSUER.issue("users").write(world.path)
    with pytest.raises(CertificateError, match="NO_SUCH_VARIABLE") as caught:
        world.certificates(cert=cert, key=key, key_password={"variable": "NO_SUCH_VARIABLE"})
    assert caught.value.reason == "password"


@pytest.mark.parametrize(
    ("closed", "password", "reason", "about"),
    [
        (True, None, "password", "needs a password"),
        (True, "sesame, close", "password", "another one"),
        (False, PASSWORD, "password", "has no password"),
    ],
)
def test_a_wrong_password_is_told_without_itself(
    world: World, closed: bool, password: str | None, reason: str, about: str
) -> None:
    """What is wrong, and nothing of what was tried."""
    pair = ISSUER.issue("users", password=PASSWORD.encode() if closed else None)
    cert, key = pair.write(world.path)
    with pytest.raises(CertificateError, match=about) as caught:
        world.certificates(cert=cert, key=key, key_password=password)
    assert caught.value.reason == reason
    assert caught.value.file == cert
    assert str(password) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_told(world: World) -> None:
    """By its path."""
    with pytest.raises(CertificateError, match="No such file") as caught:
        world.certificates(ca=str(world.path / "none.pem"))
    assert caught.value.file.endswith("none.pem")
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("part", ["cert", "key", "ca"])
def test_what_is_no_pem_is_told(world: World, part: str) -> None:
    """Each of the files."""
    pair = ISSUER.issue("users")
    cert, key = pair.write(world.path)
    files = {"cert": cert, "key": key, "ca": ISSUER.write(world.path / "ca.pem")}
    replace(Path(files[part]), b"-----BEGIN NOTHING-----\n")
    with pytest.raises(CertificateError) as caught:
        world.certificates(**files)
    assert caught.value.reason == "malformed"


def test_a_key_of_another_certificate_is_told(world: World) -> None:
    """A pair that does not match is of no use."""
    cert, _ = ISSUER.issue("users").write(world.path)
    replace(world.path / "tls.key", ISSUER.issue("users").key)
    with pytest.raises(CertificateError, match="not that of the certificate"):
        world.certificates(cert=cert, key=str(world.path / "tls.key"))


def test_what_tls_itself_refuses_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a key that is too short for its level of security."""

    def refuse(*_: Any, **__: Any) -> None:
        error = ssl.SSLError(1, "too small")
        error.reason = "EE_KEY_TOO_SMALL"
        raise error

    cert, key = ISSUER.issue("users").write(world.path)
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    with pytest.raises(CertificateError, match="EE_KEY_TOO_SMALL"):
        world.certificates(cert=cert, key=key)


def test_material_is_never_shown(world: World) -> None:
    """Neither the key nor the password are in a representation."""
    pair = ISSUER.issue("users", password=PASSWORD.encode())
    cert, key = pair.write(world.path)
    password: Any = PASSWORD
    options = TLSOptions(cert=cert, key=key, key_password=password)
    shown = repr(read_material(options)) + repr(options) + str(options.model_dump())
    assert PASSWORD not in shown
    assert pair.key.decode().splitlines()[1] not in shown


def test_a_rotation_of_a_mounted_secret_is_taken(world: World) -> None:
    """`..data` is swapped; the paths never change."""
    first, second = ISSUER.issue("one"), ISSUER.issue("two")
    mount = Mount(world.path / "secret", crt=first.cert, key=first.key)
    made = world.certificates(cert=mount.path("crt"), key=mount.path("key"))
    context = made.context(lambda _: client_side(TLSOptions(), Material()))
    assert not made.look()
    mount.swap(crt=second.cert, key=second.key)
    assert made.look()
    assert made.status().identity == "two"
    assert context.outdated
    assert [event.number for event in world.events] == [1, 2]


def test_files_written_one_after_the_other_are_waited_for(world: World) -> None:
    """The last good pair stays in force in between, and nobody is told."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    second = ISSUER.issue("two")
    replace(Path(cert), second.cert)
    assert not made.look()
    assert made.waiting
    assert made.status().identity == "one"
    assert "not that of the certificate" in made.status().problem
    replace(Path(key), second.key)
    assert made.look()
    assert made.status().identity == "two"
    assert made.status().problem == ""
    assert world.kinds() == [CertificateLoaded] * 2


def test_what_stays_wrong_is_told_once(world: World) -> None:
    """After ten seconds."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    os.unlink(key)
    made.look()
    assert world.kinds() == [CertificateLoaded]
    world.offset += 11.0
    for _ in range(3):
        made.look()
    assert world.kinds() == [CertificateLoaded, CertificateRejected]
    assert world.events[1].error.file == key
    assert made.status().rejected == 1
    assert made.status().identity == "one"


def test_an_expired_successor_is_not_taken(world: World) -> None:
    """What is in force goes on."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    ISSUER.issue("two", begins=-2 * DAY, ends=-DAY).write(world.path)
    made.look()
    assert (made.status().identity, made.waiting) == ("one", True)


def test_the_end_is_warned_of(world: World) -> None:
    """Once at each threshold, by whoever looks."""
    cert, key = ISSUER.issue("one", ends=40 * DAY).write(world.path)
    made = world.certificates(cert=cert, key=key)
    for days in (5.0, 20.0, 34.0, 35.0, 39.5, 41.0):
        world.offset = days * DAY
        made.look()
    warned = [event for event in world.events if isinstance(event, CertificateExpiring)]
    assert [round(event.remaining / DAY, 1) for event in warned] == [6.0, 0.5]
    assert {event.identity for event in warned} == {"one"}


def test_who_makes_connections_looks_once_a_second(world: World) -> None:
    """A process without a background, or a child of one, finds out all the same."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    used: list[Certificates] = []
    made.on_use = used.append
    made.look_if_due()
    ISSUER.issue("two").write(world.path)
    made.look_if_due()
    assert made.status().identity == "one"
    world.clock.advance(1.0)
    made.look_if_due()
    assert made.status().identity == "two"
    assert used == [made]


def test_a_look_does_not_wait_for_another(world: World) -> None:
    """A connection is not held up while a thread reads an encrypted key."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    held, done = threading.Event(), threading.Event()

    def read() -> None:
        with made._lock:
            held.set()
            done.wait(30)

    thread = threading.Thread(target=read)
    thread.start()
    held.wait(30)
    ISSUER.issue("two").write(world.path)
    assert not made.look(wait=False)
    done.set()
    thread.join()
    assert made.look()


def test_a_context_made_during_a_rotation_is_that_of_after(world: World) -> None:
    """Whoever asks gets what is in force when it gets it."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    seen: list[str] = []

    def make(material: Material) -> Any:
        seen.append(str(examine(material).identity))
        if len(seen) == 1:
            ISSUER.issue("two").write(world.path)
            made.look()
        return client_side(TLSOptions(), material)

    assert not made.context(make).outdated
    assert seen == ["one", "two"]


def test_files_that_were_just_written_are_read_again(world: World) -> None:
    """Two changes within the grain of a file system's clock look alike."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    second = ISSUER.issue("two")
    while len(second.cert + second.key) != len(Path(cert).read_bytes() + Path(key).read_bytes()):
        second = ISSUER.issue("two")  # signatures differ in length
    before = os.stat(cert), os.stat(key)
    Path(cert).write_bytes(second.cert)
    Path(key).write_bytes(second.key)
    for path, status in zip((cert, key), before, strict=True):
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert made.look()
    assert is_settled(((0, 1, 2),), 1000.0)
    assert not is_settled(((0, 1, 2), (999_000_000_000, 1, 2)), 1000.0)


def test_a_forked_child_has_locks_of_its_own(world: World) -> None:
    """A thread of the parent may have held them."""
    cert, key = ISSUER.issue("one").write(world.path)
    made = world.certificates(cert=cert, key=key)
    made._lock.acquire()
    made.renew()
    ISSUER.issue("two").write(world.path)
    assert made.look()


@pytest.mark.parametrize(
    ("options", "about"),
    [
        ({"key": "a.key"}, "needs its certificate"),
        ({"key_password": "x"}, "needs its certificate"),
        ({"cert": "a", "key_password": {}}, "exactly one of"),
        ({"cert": "a", "key_password": {"file": "a", "variable": "b"}}, "exactly one of"),
        ({"identity": "not a name"}, "neither a SPIFFE ID"),
        ({"identity": ["spiffe://Example.org"]}, "trust domain"),
        ({"min_version": "1.1"}, "1.2"),
        ({"cert": ""}, "cert"),
        ({"server_name": "a b"}, "server_name"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], about: str) -> None:
    """Each says what to give instead."""
    with pytest.raises(ConfigurationError, match=about):
        TLSOptions(**options)


def test_a_server_verifies_by_roots_of_its_own() -> None:
    """The roots of the system would let anybody in who has a web site."""
    with pytest.raises(ConfigurationError, match="give ca"):
        ServerTLSOptions(cert="a", key="b")
    assert ServerTLSOptions(cert="a", client_certificates="none").ca == ()
