"""
A server on the loopback address that speaks HTTP/2 over TLS: nginx, or none.

It answers everything at once with the same 200. Its certificate lives as long as its
`with` block.
"""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _server import BODY, CONFIGURATION, free_port, wait_until_it_answers

TLS = """\
    listen 127.0.0.1:{port} ssl http2 backlog=4096;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    ssl_session_cache off; http2_max_concurrent_streams 512;
"""


@contextlib.contextmanager
def serving_http2() -> Iterator[tuple[str, ssl.SSLContext, bytes] | None]:
    """Run it; gives its URL, what trusts it and who signed it, or None where that is missing."""
    nginx = shutil.which("nginx")
    try:
        import trustme
    except ImportError:
        nginx = None
    if nginx is None:
        print("nginx or trustme is not installed: HTTP/2 is left out")
        yield None
        return
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        leaf.private_key_and_cert_chain_pem.write_to_path(f"{folder}/server.pem")
        plain = "    listen 127.0.0.1:{port} backlog=4096;\n"
        assert plain in CONFIGURATION
        text = CONFIGURATION.replace(plain, TLS).format(
            folder=folder, port=port, body=BODY.decode()
        )
        Path(folder, "nginx.conf").write_text(text, "utf-8")
        process = subprocess.Popen(
            [nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/log"]
        )
        try:
            wait_until_it_answers(port, process)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            authority.configure_trust(context)
            yield f"https://127.0.0.1:{port}", context, authority.cert_pem.bytes()
        finally:
            process.terminate()
            process.wait(10)
