"""No option is silently dropped: what cannot be honoured is an error."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    AsyncMeshTransport,
    ConfigurationError,
    Mesh,
    MeshClient,
    MeshTransport,
)

MOCK = httpx.MockTransport(lambda request: httpx.Response(200))
WIRE: dict[str, Any] = {
    "verify": False,
    "cert": "client.pem",
    "trust_env": False,
    "http1": False,
    "http2": True,
    "limits": httpx.Limits(max_connections=1),
    "proxy": "http://127.0.0.1:1",
    "uds": "/tmp/socket",
    "local_address": "127.0.0.1",
    "retries": 1,
    "socket_options": [],
}
"""Every option of `httpx.HTTPTransport`."""


@pytest.fixture(params=[MeshClient, AsyncMeshClient, MeshTransport, AsyncMeshTransport])
def kind(request: pytest.FixtureRequest) -> Any:
    """Everything that takes the options of a transport."""
    return request.param


@pytest.mark.parametrize("option", sorted(WIRE))
def test_option_of_the_wire_contradicts_a_transport(kind: Any, option: str) -> None:
    """A transport that is given has its own; the error names the option and says what to do."""
    with pytest.raises(ConfigurationError, match=f"{option} cannot be honoured") as caught:
        kind(transport=MOCK, **{option: WIRE[option]})
    assert caught.value.path == option
    assert "transport" in caught.value.hint


def test_every_option_of_httpx_is_known() -> None:
    """What httpx's own transports take, the mesh's take."""
    accepted = set(httpx.HTTPTransport.__init__.__annotations__) - {"return"}
    assert (
        accepted == set(WIRE) == set(httpx.AsyncHTTPTransport.__init__.__annotations__) - {"return"}
    )


def test_unknown_option_of_a_transport_is_refused() -> None:
    """The error lists what there is."""
    with pytest.raises(ConfigurationError, match=r"unknown option 'retry'.*retries"):
        MeshTransport(retry=3)
    with pytest.raises(ConfigurationError, match="unknown option 'timeout'"):
        AsyncMeshTransport(timeout=3)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", "other"),
        ("config", {}),
        ("services", {"users": ["http://127.0.0.1:1"]}),
        ("discovery", {"static": {}}),
    ],
)
def test_option_of_the_mesh_contradicts_a_shared_mesh(
    kind: Any, option: str, value: object
) -> None:
    """A mesh that is given has its own document, so another one would do nothing."""
    with Mesh("shared") as mesh, pytest.raises(ConfigurationError, match=option) as caught:
        kind(mesh=mesh, **{option: value})
    assert caught.value.path == option


@pytest.mark.parametrize(
    "options",
    [
        {"http1": False},
        {"proxy": "http://127.0.0.1:1", "uds": "/tmp/socket"},
        {"proxy": "http://127.0.0.1:1", "local_address": "127.0.0.1"},
        {"proxy": "ftp://127.0.0.1:1"},
    ],
)
def test_options_that_contradict_each_other_are_refused(kind: Any, options: dict[str, Any]) -> None:
    """At once, when the client is made."""
    with pytest.raises(ConfigurationError):
        kind(**options)


def test_http2_without_its_package_is_refused(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(ConfigurationError, match="h2"):
        kind(http2=True)
