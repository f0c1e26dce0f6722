"""No secret is ever said: one test plants them everywhere, and searches all that is told."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from meshlib import ConfigurationError, Mesh, MeshClient
from meshlib.__main__ import main
from meshlib.config import lint
from meshlib.inbound import Head
from meshlib.security.authorization import AuthorizationOptions, Policy
from support import ScriptedServer, replies, reset_after_request

MARK = "hunter2"
"""What every planted secret has in it."""


def secret(where: str) -> str:
    """A secret that tells where it was planted, once it is found."""
    return f"{MARK}{where}{MARK}"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is exported of every span; a provider that is set could not be taken back."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


def document(tmp_path: Path, url: str) -> dict[str, Any]:
    """A document with a secret wherever one may stand."""
    file = tmp_path / "token"
    file.write_text(secret("token-of-a-file"))
    credentials = {
        "token_url": "http://127.0.0.1:1/token",
        "client_id": "me",
        "client_secret": secret("client-secret"),
    }
    consul = {"address": "http://127.0.0.1:1", "token": secret("consul-token"), "service": "x"}
    etcd = {"addresses": "http://127.0.0.1:1", "username": "u", "password": secret("etcd-password")}
    return {
        "outbound": {"authorization": {"rules": [{"name": "no", "action": "deny", "path": "/no"}]}},
        "inbound": {
            "tokens": {"issuer": "i", "audience": "a", "jwks": str(tmp_path / "jwks.json")},
        },
        "fault_control": {"environments": ["x"], "baggage": {"keys": [secret("k" * 32)]}},
        "services": {
            "good": {"endpoints": [url], "token": {"file": str(file)}},
            "broken": {"endpoints": [url], "token": {"client_credentials": credentials}},
            "function": {"endpoints": [url], "token": leaking},
            "away": {"endpoints": ["http://127.0.0.1:1"], "retry": {"max_attempts": 2}},
            "consul": {"discovery": {"consul": consul}, "discovery_timeout": "10ms"},
            "etcd": {"discovery": {"etcd": etcd}, "discovery_timeout": "10ms"},
        },
    }


def leaking() -> str:
    """A function of an application that puts the secret into its error."""
    raise RuntimeError(secret("error-of-a-function"))


def told_of(error: BaseException) -> str:
    """All that an error says, its causes and their frames' lines included."""
    return "".join(traceback.format_exception(error)) + repr(error)


def test_no_secret_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    """Not in logs, reports, reprs, events, spans, metrics, explanations or errors."""
    caplog.set_level(logging.DEBUG, logger="meshlib")
    told: list[Any] = []

    def listener(event: Any) -> None:
        told.append(repr(event))
        told.append(str(getattr(event, "error", "")))

    own: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret('header')}"}}
    ways: tuple[dict[str, Any], ...] = ({}, own)
    query = f"api_key={secret('query')}&access_token={secret('token-in-query')}"
    paths = ["http://good/", f"http://good/a?{query}", "http://broken/", "http://function/"]
    paths += [f"http://away/?{query}", "http://consul/", "http://etcd/", f"http://good/no?{query}"]
    with ScriptedServer(replies(200, 401, 503, 200)) as server:
        config = document(tmp_path, server.url)
        with MeshClient("me", config=config, listeners=[listener]) as client:
            for path in paths:
                told.append(str(client.mesh.explain(path)))
                for more in ways:
                    try:
                        report = client.get(path, **more).extensions["mesh"]
                        told += [str(report), repr(report), repr(report.attempts)]
                    except httpx.HTTPError as exc:
                        told.append(told_of(exc))
            shown = [one.headers.get("authorization", "") for one in server.requests]
            assert any("token-of-a-file" in one for one in shown)
            assert any("header" in one for one in shown)
            told += [repr(client.mesh), repr(client.mesh.config), str(client.mesh.config)]
            told += [str(client.mesh.metrics()), json.dumps(client.mesh.metrics().as_dict())]
            told += [repr(client.mesh.service(name)) for name in ("good", "broken")]
            told += [repr(client.mesh.service(name).credentials) for name in ("good", "broken")]
            told += serve(client.mesh)
    told += [one.getMessage() + str(one.exc_text or "") for one in ours(caplog)]
    told += [one.to_json() for one in spans.get_finished_spans()]
    assert spans.get_finished_spans()
    assert ours(caplog)
    found = [text for text in told if MARK in text]
    assert found == []


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What this library logs."""
    return [one for one in caplog.records if one.name.startswith("meshlib")]


def serve(mesh: Mesh) -> list[str]:
    """What is told of a request that brings secrets."""
    bearer = f"Bearer {secret('inbound')}".encode()
    told = []
    for path in ("/", "/x"):
        headers = [(b"authorization", bearer), (b"cookie", secret("cookie").encode())]
        head = Head(method="GET", path=path, headers=headers, scheme="http")
        arrival = mesh.inbound.arrive(head)
        arrival.finish(401, None)
        told += [repr(arrival), repr(arrival.refusal), repr(arrival.served)]
        told += [str(getattr(arrival, "detail", ""))]
    return told


def test_no_secret_is_told_by_the_command_line(tmp_path: Path) -> None:
    """Validate, lint and explain, of a document that is right and of one that is not."""
    right = document(tmp_path, "http://good:1")
    del right["services"]["function"]
    files = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    for file in files.values():
        Path(file).write_text(f"-----BEGIN {secret('pem')}")
    tls = {**files, "key_password": secret("key-password")}
    right["services"]["tls"] = {"endpoints": ["https://tls:1"], "tls": tls}
    wrong = json.loads(json.dumps(right))
    credentials = wrong["services"]["broken"]["token"]["client_credentials"]
    credentials["auth"] = "private_key_jwt"
    other = json.loads(json.dumps(right))
    other["services"]["good"]["token"] = secret("token-in-a-document")
    broken = json.loads(json.dumps(right))
    broken["services"]["broken"]["token"]["client_credentials"]["client_secret"] = [secret("list")]
    told = io.StringIO()
    for n, said in enumerate((right, wrong, other, broken)):
        file = tmp_path / f"mesh{n}.json"
        file.write_text(json.dumps(said))
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            for command in (["validate", str(file)], ["lint", str(file)]):
                with contextlib.suppress(SystemExit):
                    main(command)
            told.write("".join(map(str, lint(said))))
            try:
                Mesh("me", config=said).close()
            except ConfigurationError as exc:
                told.write(told_of(exc))
    assert "ML" in told.getvalue() or told.getvalue()
    assert MARK not in told.getvalue()


def test_no_secret_is_told_of_a_broken_wire(caplog: pytest.LogCaptureFixture) -> None:
    """Users in URLs, and credentials of proxies."""
    caplog.set_level(logging.DEBUG, logger="meshlib")
    told: list[str] = []

    def listener(event: Any) -> None:
        told.append(repr(event))

    with ScriptedServer(reset_after_request()) as server:
        address = server.url.removeprefix("http://")
        proxied: dict[str, Any] = {"proxy": f"http://me:{secret('proxy')}@127.0.0.1:1"}
        ways: tuple[dict[str, Any], ...] = ({}, proxied)
        for options in ways:
            with MeshClient(
                "me", services={"users": [server.url]}, listeners=[listener], **options
            ) as client:
                for url in (f"http://me:{secret('user')}@{address}/", "http://users/"):
                    try:
                        client.get(url)
                    except httpx.HTTPError as exc:
                        told.append(f"{exc}{exc!r}")
                told += [str(client.mesh.metrics()), repr(client.mesh), repr(client)]
    told += [one.getMessage() for one in ours(caplog)]
    assert [text for text in told if MARK in text] == []


def test_a_decision_repeats_no_query() -> None:
    """Its reason is of the rule and not of the request."""
    policy = Policy(AuthorizationOptions(default="deny"))
    decision = policy.decide("a", "b", "GET", f"//x?token={secret('query')}")
    assert MARK not in str(decision)
