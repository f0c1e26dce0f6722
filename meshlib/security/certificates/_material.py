"""
The content of the files, read together.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..._exceptions import CertificateError
from ._options import CertificateOptions, KeyPasswordOptions

State = tuple[int, int, int]
"""When a file was modified, its size and its number."""
_GRAIN = 2.0
"""Seconds; that of FAT, the coarsest that is around."""


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """Certificate, key and roots as they were read; never shown."""

    certificate: bytes = b""
    key: bytes = b""
    password: bytes | None = None
    roots: bytes = b""

    def __repr__(self) -> str:
        return f"<Material {self.digest[:12]}>"

    @property
    def digest(self) -> str:
        """Differs when the content does."""
        whole = hashlib.sha256()
        for part in (self.certificate, self.key, self.password or b"", self.roots):
            whole.update(hashlib.sha256(part).digest())
        return whole.hexdigest()


def files_of(options: CertificateOptions) -> tuple[str, ...]:
    """Every file that *options* name."""
    password = options.key_password
    files = [options.cert, options.key, password and password.file, *options.ca]
    return tuple(dict.fromkeys(name for name in files if name))


def read_material(options: CertificateOptions) -> Material:
    """What the files hold now; raises CertificateError when one cannot be read."""
    certificate = _read(options.cert) if options.cert else b""
    return Material(
        certificate=certificate,
        key=_read(options.key) if options.key else certificate,
        password=_password(options.key_password),
        roots=b"\n".join(map(_read, options.ca)),
    )


def states_of(files: tuple[str, ...]) -> tuple[State, ...]:
    """What tells cheaply that a file may have changed."""
    return tuple(map(_state, files))


def is_settled(states: tuple[State, ...], now: float) -> bool:
    """Whether another change would show: not within the grain of a file system's times."""
    return all(abs(now - modified / 1e9) > _GRAIN for modified, _, _ in states)


def _state(name: str) -> State:
    try:
        status = os.stat(name)
    except OSError as exc:
        return 0, exc.errno or 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        text = os.strerror(exc.errno) if exc.errno else type(exc).__name__
        raise CertificateError(f"cannot be read: {text}", file=name, reason="unreadable") from None


def _password(options: KeyPasswordOptions | None) -> bytes | None:
    if options is None:
        return None
    if options.text is not None:
        return options.text.get_secret_value().encode()
    if options.file is not None:
        return _read(options.file).rstrip(b"\r\n")
    name = options.variable or ""
    value = os.environ.get(name)
    if value is None:
        raise CertificateError(f"the variable {name}, its password, is not set", reason="password")
    return value.encode()
