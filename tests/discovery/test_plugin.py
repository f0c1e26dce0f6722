"""A package that is installed beside meshlib offers a source, and a registrar, to documents."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

PACKAGE = '''
    from contextlib import asynccontextmanager

    from meshlib import Endpoint


    class Ours:
        """One endpoint for every service."""

        name = "ours"

        def __init__(self, *, port: int) -> None:
            self.port = port

        async def watch(self, service):
            yield [Endpoint(f"http://{service}.internal:{self.port}")]


    class Book:
        name = "book"

        @asynccontextmanager
        async def session(self):
            yield self

        async def register(self, instance): ...
        async def renew(self, instance): return True
        async def deregister(self, instance): ...
'''

PROGRAM = """
    from meshlib import ConfigurationError, Mesh, register

    with Mesh(services={"users": {"discovery": {"ours": {"port": 8001}}}}) as mesh:
        print(mesh.service("users").sources)
    try:
        Mesh(services={"users": {"discovery": {"ours": {"prt": 8001}}}})
    except ConfigurationError as exc:
        print(exc)
    with register("users", "http://10.0.0.1:80", at="book") as registration:
        print(registration.wait(60))
"""


def test_installed_package_offers_a_source_and_a_registrar(tmp_path: Path) -> None:
    """Found by its entry points alone, with its settings checked like any other's."""
    (tmp_path / "our_package.py").write_text(textwrap.dedent(PACKAGE), "utf-8")
    information = tmp_path / "our_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: our-package\nVersion: 1.0\n", "utf-8"
    )
    (information / "entry_points.txt").write_text(
        "[meshlib.discovery]\nours = our_package:Ours\n\n"
        "[meshlib.registration]\nbook = our_package:Book\n",
        "utf-8",
    )
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{textwrap.dedent(PROGRAM)}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert [
        "ours",
        "services.users.discovery.ours.prt: unknown key 'prt'; did you mean 'port'?",
        "True",
    ] == done.stdout.splitlines()
