"""Certificates for tests: an authority, and what it has signed."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority that lives as long as the test."""

    def __init__(self) -> None:
        self._ca = trustme.CA(key_type=trustme.KeyType.ECDSA)

    def server(self, *names: str, clients: bool = False, alpn: str = "") -> ssl.SSLContext:
        """What a server called *names* shows; *clients*: it asks each client for a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, key_type=trustme.KeyType.ECDSA).configure_cert(context)
        if clients:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        if alpn:
            context.set_alpn_protocols([alpn])
        return context

    def trust(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context

    def write(self, path: Path) -> str:
        """The authority's certificate as a file."""
        self._ca.cert_pem.write_to_path(path)
        return str(path)

    def write_leaf(self, path: Path, *names: str) -> str:
        """A certificate for *names* and its key as a file."""
        leaf = self._ca.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
        leaf.private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)
