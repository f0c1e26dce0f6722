"""The variables that Consul's own tools obey, and the settings that win over them."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from meshlib import ConfigurationError
from meshlib.discovery.consul._agent import Agent, _reason
from meshlib.discovery.consul._environment import Environment, environment
from meshlib.discovery.consul._errors import ConsulError
from meshlib.discovery.consul._token import Token


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this machine counts."""
    for name in list(os.environ):
        if name.startswith("CONSUL_"):
            monkeypatch.delenv(name)


def agent(address: str | None = None, **settings: str | None) -> Agent:
    """An agent with *settings*, and no others."""
    every = dict.fromkeys(("token", "token_file", "namespace", "partition", "tls"))
    return Agent(address, **{**every, "timeout": 1.0, **settings})


def test_every_variable_counts() -> None:
    """What they say is taken as it is."""
    assert Environment(
        address="a:1",
        token="secret",
        token_file="file",
        https=True,
        tls={"ca": "ca", "cert": "cert", "key": "key", "server_name": "name", "verify": False},
        namespace="team",
        partition="part",
    ) == environment(
        {
            "CONSUL_HTTP_ADDR": "a:1",
            "CONSUL_HTTP_TOKEN": "secret",
            "CONSUL_HTTP_TOKEN_FILE": "file",
            "CONSUL_HTTP_SSL": "true",
            "CONSUL_HTTP_SSL_VERIFY": "false",
            "CONSUL_CACERT": "ca",
            "CONSUL_CLIENT_CERT": "cert",
            "CONSUL_CLIENT_KEY": "key",
            "CONSUL_TLS_SERVER_NAME": "name",
            "CONSUL_NAMESPACE": "team",
            "CONSUL_PARTITION": "part",
        }
    )


def test_an_empty_variable_says_nothing() -> None:
    """As one that is not there."""
    names = ("HTTP_ADDR", "HTTP_TOKEN", "HTTP_TOKEN_FILE", "HTTP_SSL", "HTTP_SSL_VERIFY", "CACERT")
    assert Environment() == environment({f"CONSUL_{name}": "" for name in names})


@pytest.mark.parametrize(
    ("variables", "setting", "address"),
    [
        ({}, None, "http://127.0.0.1:8500"),
        ({}, "https://consul.example:8501", "https://consul.example:8501"),
        ({}, "10.0.0.1:8500", "http://10.0.0.1:8500"),
        ({}, "unix:///run/consul.sock", "unix:///run/consul.sock"),
        ({"CONSUL_HTTP_ADDR": "10.0.0.2:8500"}, None, "http://10.0.0.2:8500"),
        ({"CONSUL_HTTP_ADDR": "10.0.0.2:8500"}, "10.0.0.1:8500", "http://10.0.0.1:8500"),
        ({"CONSUL_HTTP_ADDR": "a:1", "CONSUL_HTTP_SSL": "1"}, None, "https://a:1"),
        ({"CONSUL_HTTP_SSL": "1"}, "http://a:1", "http://a:1"),
    ],
)
def test_where_the_agent_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], setting: str | None, address: str
) -> None:
    """A setting wins over the variable, and that over the default."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert address == agent(setting).address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tcp://a:1",
        "http://",
        "unix://",
        "http://user:hunter2@a:1",
        "user:hunter2@a:1",
        "http://a\x01b:1",
        "a:99999",
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    """The setting is named, and credentials are not repeated."""
    with pytest.raises(ConfigurationError) as error:
        agent(address)
    assert "address" == error.value.path
    assert "hunter2" not in str(error.value)


async def test_which_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A setting wins over the variables, among which the file wins; blanks do not count."""
    file = tmp_path / "token"
    file.write_text(" from-file\n")
    assert "" == await Token(None, None, environment({})).read()
    said = environment({"CONSUL_HTTP_TOKEN": "said", "CONSUL_HTTP_TOKEN_FILE": str(file)})
    assert "from-file" == await Token(None, None, said).read()
    assert "set" == await Token("set ", None, said).read()
    assert "said" == await Token(None, None, environment({"CONSUL_HTTP_TOKEN": "said"})).read()
    token = Token(None, str(file), environment({"CONSUL_HTTP_TOKEN": "said"}))
    assert "from-file" == await token.read()
    file.write_text("another")
    assert "another" == await token.read()
    for content in ("", "two\nlines"):
        file.write_text(content)
        assert "another" == await token.read()
    file.unlink()
    assert "another" == await token.read()


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", "ü".encode()])
async def test_a_file_without_a_token(tmp_path: Path, content: bytes) -> None:
    """It is named, and what is in it is not."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConsulError, match=str(file)) as error:
        await Token(None, str(file), Environment()).read()
    assert "two" not in str(error.value)


async def test_a_file_that_is_missing(tmp_path: Path) -> None:
    """It is a failure as long as it is."""
    with pytest.raises(ConsulError, match="cannot be read"):
        await Token(None, str(tmp_path / "token"), Environment()).read()


@pytest.mark.parametrize("token", ["", "hunter2\nhunter3", 7, "ü"])
def test_a_token_that_is_none(token: str) -> None:
    """It is refused without being repeated."""
    with pytest.raises(ConfigurationError) as error:
        Token(token, None, Environment())
    assert "token" == error.value.path
    assert "hunter2" not in str(error.value)


def test_two_tokens() -> None:
    """A token and a file for it contradict each other."""
    with pytest.raises(ConfigurationError, match="either"):
        Token("a", "b", Environment())


def test_namespace_and_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sent when a setting or a variable says them, and only then."""
    assert {} == agent()._params
    monkeypatch.setenv("CONSUL_NAMESPACE", "said")
    monkeypatch.setenv("CONSUL_PARTITION", "part")
    assert {"ns": "said", "partition": "part"} == agent()._params
    assert {"ns": "set", "partition": "part"} == agent(namespace="set")._params
    with pytest.raises(ConfigurationError, match="namespace"):
        agent(namespace="")


def test_certificates_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """They count unless there is a setting."""
    monkeypatch.setenv("CONSUL_CLIENT_KEY", "key.pem")
    with pytest.raises(ConfigurationError, match="certificate"):
        agent("https://127.0.0.1:8501")
    agent("https://127.0.0.1:8501", tls={})  # type: ignore[arg-type]  # any setting may be given


def test_an_error_says_something() -> None:
    """The first of those behind it that has a text, or else its name."""
    silent = httpx.ConnectError("")
    assert "ConnectError" == _reason(silent)
    silent.__context__ = OSError("refused")
    assert "refused" == _reason(silent)
