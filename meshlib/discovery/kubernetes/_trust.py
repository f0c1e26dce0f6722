"""
TLS with the certificates of an access, which may be texts as well as files.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from .._http import Tls
from ._access import Access, AccessError, Pem


class MadeTls(Tls):
    """TLS by a context that is made already."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        super().__init__()
        self.server_name = server_name
        self._context = context

    def context(self) -> ssl.SSLContext:
        """The context."""
        return self._context


def make_context(access: Access, certificate: Pem, key: Pem) -> ssl.SSLContext:
    """
    The context for a connection to the server of *access*.

    Blocks. Raises AccessError for a file or text that is no certificate or key.
    """
    authority = access.authority
    try:
        context = ssl.create_default_context(
            cafile=None if authority.text else authority.file, cadata=authority.text
        )
    except (OSError, ValueError) as exc:
        raise AccessError(f"{access.origin}: no certificate authority: {_why(exc)}") from exc
    if authority.given:
        # Python 3.13 began to ask for key identifiers, which many clusters' own
        # authorities do without, and Kubernetes does not ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate.given:
        try:
            _load(context, certificate, key)
        except (OSError, ValueError) as exc:
            raise AccessError(
                f"{access.origin}: no client certificate with its key: {_why(exc)}"
            ) from exc
    return context


def _load(context: ssl.SSLContext, certificate: Pem, key: Pem) -> None:
    if certificate.text is None and key.text is None:
        context.load_cert_chain(certificate.file or "", key.file, _no_password)
        return
    # The ssl module reads files only. The directory is ours alone, and gone at once.
    with tempfile.TemporaryDirectory(prefix="meshlib-") as directory:
        paths = []
        for name, pem in (("certificate", certificate), ("key", key)):
            path = pem.file or ""
            if pem.text is not None:
                path = os.path.join(directory, name)
                Path(path).write_text(pem.text, encoding="utf-8")
            paths.append(path)
        context.load_cert_chain(paths[0], paths[1], _no_password)


def _no_password() -> str:
    """Have an encrypted key fail, and not ask the terminal."""
    return ""


def _why(exc: Exception) -> str:
    return exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)
