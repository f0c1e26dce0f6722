"""Where a server has its certificate from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import AsyncMeshClient, ConfigurationError, Mesh, MeshClient
from meshlib.integrations._tls import context_of
from support.issuer import Issuer


@pytest.fixture
def mesh(tmp_path: Path) -> Any:
    """A mesh whose document has a certificate."""
    issuer = Issuer()
    cert, key = issuer.issue("a.test").write(tmp_path)
    ca = issuer.write(tmp_path / "ca.crt")
    with Mesh("shop", config={"server_tls": {"cert": cert, "key": key, "ca": ca}}) as mesh:
        yield mesh


@pytest.mark.parametrize("kind", [MeshClient, AsyncMeshClient])
def test_a_client_stands_for_its_mesh(mesh: Mesh, kind: Any) -> None:
    """That of a tenant as well, so that whatever an application has at hand is good."""
    context = context_of(mesh)
    assert context is context_of(kind(mesh=mesh))
    assert context is context_of(kind(mesh=mesh.tenant("acme")))


def test_a_mesh_without_a_certificate_says_what_is_missing() -> None:
    """Also where a client was given."""
    with MeshClient("shop") as client, pytest.raises(ConfigurationError, match="server_tls"):
        context_of(client)
