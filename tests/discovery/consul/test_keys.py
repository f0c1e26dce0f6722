"""Single keys of Consul: answers that no agent gives at will."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib.discovery.consul import KeyValue
from meshlib.discovery.consul._errors import MalformedError
from meshlib.discovery.consul._keys import ConsulKeys, _value
from support import Peer, ScriptedServer


def answer(document: Any, status: int = 200) -> httpx.Response:
    """An answer with *document*."""
    return httpx.Response(status, json=document)


def test_a_pair_is_read() -> None:
    """An empty value is null, and no key is 404."""
    assert KeyValue(b"x", 7) == _value(answer([{"Value": "eA==", "ModifyIndex": 7}]))
    assert KeyValue(b"", 7) == _value(answer([{"Value": None, "ModifyIndex": 7}]))
    assert _value(httpx.Response(404)) is None


@pytest.mark.parametrize(
    "document",
    [[], {}, 5, [{}], [{"Value": "x", "ModifyIndex": 7}], [{"Value": "", "ModifyIndex": "a"}]],
)
def test_what_is_no_pair_is_an_error(document: Any) -> None:
    """Rather than an empty content."""
    with pytest.raises(MalformedError):
        _value(answer(document))
    with pytest.raises(MalformedError, match="JSON is needed"):
        _value(httpx.Response(200, content=b"<html>"))


async def test_names_that_are_no_list_are_an_error(serve: Any) -> None:
    """As a proxy before the agent may answer."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.respond(200, b'"x"')

    server: ScriptedServer = serve(script)
    with pytest.raises(MalformedError, match="a list of keys"):
        await ConsulKeys(server.url, datacenter="dc1").names("a/")
