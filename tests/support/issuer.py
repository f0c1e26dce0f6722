"""Certificates of every kind for tests: with SPIFFE IDs, of any time, with encrypted keys."""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = 86400.0
HOUR = 3600.0


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, in PEM form."""

    cert: bytes
    key: bytes

    @property
    def der(self) -> bytes:
        """The certificate in DER form."""
        return x509.load_pem_x509_certificate(self.cert).public_bytes(serialization.Encoding.DER)

    def write(self, directory: Path) -> tuple[str, str]:
        """Replace `tls.crt` and `tls.key` in *directory*, each at once; their paths."""
        return (
            replace(directory / "tls.crt", self.cert),
            replace(directory / "tls.key", self.key),
        )


class Issuer:
    """A certificate authority called *name*."""

    def __init__(self, name: str = "tests", days: float = 3650) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        now = time.time()
        builder = _builder(self._name, self._name, self._key, now - DAY, now + days * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(sign=True), True)
        self._root = builder.sign(self._key, hashes.SHA256())
        self.pem = self._root.public_bytes(serialization.Encoding.PEM)

    def write(self, path: Path) -> str:
        """The root as a file."""
        return replace(path, self.pem)

    def issue(
        self,
        *names: str,
        uris: tuple[str, ...] = (),
        begins: float = -HOUR,
        ends: float = 90 * DAY,
        password: bytes | None = None,
        common: str = "leaf",
    ) -> Pair:
        """
        A certificate for *names*, hosts and addresses, and *uris*.

        It *begins* and *ends* so many seconds from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = time.time()
        builder = _builder(_name(common), self._name, key, now + begins, now + ends)
        others = [*map(_general, names), *map(x509.UniformResourceIdentifier, uris)]
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), not common)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_usage(sign=False), True)
        public = self._key.public_key()
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False
        )
        leaf = builder.sign(self._key, hashes.SHA256())
        closed: Any = serialization.NoEncryption()
        if password is not None:
            closed = serialization.BestAvailableEncryption(password)
        return Pair(
            leaf.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed
            ),
        )


class Mount:
    """
    Files as Kubernetes mounts a secret: `..data` leads to a directory, and is swapped.

    The paths never change, and neither do the links that they are.
    """

    def __init__(self, directory: Path, **files: bytes) -> None:
        self._directory = directory
        self._number = 0
        directory.mkdir(parents=True, exist_ok=True)
        self.swap(**files)
        for name in files:
            (directory / name).symlink_to(Path("..data") / name)

    def path(self, name: str) -> str:
        """Where a file is found."""
        return str(self._directory / name)

    def swap(self, **files: bytes) -> None:
        """Put all files in the place of those before, at one instant."""
        self._number += 1
        versions = self._directory / f"..version_{self._number}"
        versions.mkdir()
        for name, content in files.items():
            (versions / name).write_bytes(content)
        fresh = self._directory / "..data_tmp"
        fresh.symlink_to(versions.name)
        fresh.replace(self._directory / "..data")


def replace(path: Path, content: bytes) -> str:
    """Put *content* in the place of what is at *path*, at one instant."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    os.replace(fresh, path)
    return str(path)


def _name(common: str) -> x509.Name:
    parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common)] if common else []
    return x509.Name(parts)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, begins: float, ends: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(begins, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(ends, dt.UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
