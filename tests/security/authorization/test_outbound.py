"""Calls that the mesh itself does not allow."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, Mesh, MeshClient, RouteDeniedError
from meshlib.events import CallFinished, CallRejected

RULES: list[dict[str, Any]] = [
    {"name": "read users", "callers": "orders", "services": "users*", "methods": "GET"},
    {"name": "no admin", "action": "deny", "path": "/admin*"},
]


def answer(request: httpx.Request) -> httpx.Response:
    """What the server says: which host it was asked as."""
    return httpx.Response(200, text=request.url.host)


def document(*, users: Any = None, **authorization: Any) -> dict[str, Any]:
    """A document with these rules."""
    return {
        "outbound": {"authorization": {"rules": RULES, **authorization}},
        "services": {
            "users": {"endpoints": ["http://u:80"], **(users or {})},
            "users-v2": ["http://u2:80"],
            "billing": ["http://b:80"],
        },
    }


def client(config: Any, name: str = "orders", **options: Any) -> MeshClient:
    """A client of a mock."""
    return MeshClient(name, config=config, transport=httpx.MockTransport(answer), **options)


def test_what_is_allowed_says_which_rule_allowed_it() -> None:
    """In the report, and in its text."""
    with client(document()) as calls:
        report = calls.get("http://users/me").extensions["mesh"]
    assert report.authorization[:2] == (True, "read users")
    assert "allowed: the rule 'read users' allows it" in str(report)


@pytest.mark.parametrize(
    ("method", "url", "rule", "reason"),
    [
        ("POST", "http://users/me", "", "no rule allows it"),
        ("GET", "http://users/admin", "no admin", "the rule 'no admin' denies it"),
        ("GET", "http://users/%61dmin", "no admin", "the rule 'no admin' denies it"),
        ("GET", "http://users/x/%2e%2e/admin", "", "the path is ambiguous"),
        ("GET", "http://users//admin", "", "the path is ambiguous"),
        ("GET", "http://billing/", "", "no rule allows it"),
        ("GET", "https://elsewhere.example/", "", "no rule allows it"),
    ],
)
def test_what_is_denied_is_not_sent(method: str, url: str, rule: str, reason: str) -> None:
    """The error has the rule and the reason, and a listener hears of it."""
    events: list[Any] = []
    with (
        client(document(), listeners=[events.append]) as calls,
        pytest.raises(RouteDeniedError) as caught,
    ):
        calls.request(method, url)
    assert caught.value.rule == rule
    assert caught.value.status == 403
    assert reason in str(caught.value)
    assert not any(isinstance(event, CallFinished) for event in events)
    (rejected,) = (event for event in events if isinstance(event, CallRejected))
    assert rejected.error is caught.value


@pytest.mark.anyio
async def test_what_is_denied_is_not_sent_in_a_task_either() -> None:
    """The twin."""
    transport = httpx.MockTransport(answer)
    async with AsyncMeshClient("orders", config=document(), transport=transport) as calls:
        with pytest.raises(RouteDeniedError):
            await calls.get("http://billing/")


def test_the_caller_is_the_name_of_the_mesh() -> None:
    """Another application has other rights."""
    with client(document(), name="reports") as calls, pytest.raises(RouteDeniedError):
        calls.get("http://users/me")


def test_shadow_records_and_sends() -> None:
    """The report says what would have been."""
    with client(document(mode="shadow")) as calls:
        report = calls.get("http://billing/").extensions["mesh"]
    assert report.authorization.allowed
    assert report.authorization.shadow.allowed is False
    assert "in shadow: would deny" in str(report)


def test_a_fallback_is_no_way_around() -> None:
    """What must not be called is not answered for."""
    users = {"fallback": {"status": 200, "text": "fallback"}}
    with client(document(users=users)) as calls, pytest.raises(RouteDeniedError):
        calls.post("http://users/me")


def test_a_route_is_no_way_around() -> None:
    """Neither to another service, nor by another path."""
    for route in ({"service": "billing"}, {"rewrite": {"path": "/admin"}}):
        config = document(users={"routes": [{"name": "r", **route}]})
        with client(config) as calls, pytest.raises(RouteDeniedError):
            calls.get("http://users/me")
    with client(document(users={"routes": [{"name": "r", "service": "users-v2"}]})) as calls:
        assert calls.get("http://users/me").text == "u2"


def test_a_redirect_is_no_way_around() -> None:
    """Each request that the client makes of it is judged."""
    moved = httpx.Response(302, headers={"location": "http://billing/"})
    transport = httpx.MockTransport(lambda request: moved)
    with (
        MeshClient(
            "orders", config=document(), transport=transport, follow_redirects=True
        ) as calls,
        pytest.raises(RouteDeniedError),
    ):
        calls.get("http://users/me")


def test_a_mirror_is_no_way_around() -> None:
    """Its copies are dropped, and counted so."""
    mirror = {"service": "billing", "percentage": 100}
    users = {"routes": [{"name": "r", "mirror": mirror}]}
    with client(document(users=users)) as calls:
        assert calls.get("http://users/me").status_code == 200
        (counts,) = calls.mesh.metrics().services["users"].mirrors.values()
    assert counts.dropped == {"denied": 1}


def test_explain_tells_without_refusing() -> None:
    """Who asks why is told, and nothing is counted."""
    with Mesh("orders", config=document()) as mesh:
        report = mesh.explain("http://billing/")
        assert report.authorization[:3] == (False, "", "no rule allows it")
        assert "denied: no rule allows it" in str(report)
        assert mesh.explain("http://users/").authorization.allowed
        assert mesh.metrics().services["billing"].rejected == 0


def test_another_document_brings_other_rules() -> None:
    """While calls go on; without the section there are none."""
    config = document()
    with client(config) as calls:
        with pytest.raises(RouteDeniedError):
            calls.get("http://billing/")
        calls.mesh.apply({**config, "outbound": None})
        report = calls.get("http://billing/").extensions["mesh"]
        assert report.authorization is None
        assert calls.mesh.permitting.active is False


def test_an_overlay_adds_to_the_rules_key_by_key() -> None:
    """An environment that only changes the mode keeps the rules."""
    overlay = {"outbound": {"authorization": {"mode": "shadow"}}}
    config = {**document(), "environments": {"trial": overlay}}
    from meshlib.config import load_config

    made = load_config(config, environ={"MESHLIB_ENV": "trial"})
    assert made.outbound.authorization is not None
    assert made.outbound.authorization.mode == "shadow"
    assert len(made.outbound.authorization.rules) == 2
