"""The command line of the registry, where it says no."""

from __future__ import annotations

import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from meshlib.__main__ import main
from meshlib.discovery.registry._command import _listen


@pytest.fixture
def database(tmp_path: Path) -> list[str]:
    """Arguments that lead to a database of the test's own."""
    return ["--database", str(tmp_path / "registry.db")]


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """And what to install, and what the exit codes mean."""
    with pytest.raises(SystemExit):
        main(["registry", "--help"])
    said = capsys.readouterr().out
    for word in ("--host", "--port", "--database", "--token-file", "--read-token-file"):
        assert word in said
    for word in ("--tls-cert", "--tls-key", "--max-instances", "exit codes", "[registry]"):
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "70000 is not a port"),
        (["--port", "-1"], "-1 is not a port"),
        (["--host", "999.0.0.1"], "meshlib registry: "),
        (["--token-file", "none-such"], "--token-file: none-such: "),
        (["--read-token-file", "none-such"], "--read-token-file: none-such: "),
        (["--max-instances", "0"], "max_instances: "),
        (["--tls-cert", "none-such"], "No such file"),
        (["--database", "none-such/registry.db"], "unable to open database file"),
    ],
)
def test_wrong_arguments_are_said(
    arguments: list[str],
    said: str,
    database: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line, with the exit code 2."""
    monkeypatch.chdir(tmp_path)
    assert 2 == main(["registry", "--port", "0", *database, *arguments])
    printed = capsys.readouterr()
    assert said in printed.err
    assert 1 == printed.err.count("\n")
    assert "" == printed.out


def test_files_that_are_not_what_they_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token file without a token would lock everybody out, or let everybody in."""
    empty = tmp_path / "empty"
    empty.write_text("\n")
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    database = ["--database", str(tmp_path / "registry.db")]
    assert 2 == main(["registry", *database, "--token-file", str(empty)])
    assert "holds no token" in capsys.readouterr().err
    assert 2 == main(["registry", "--database", str(foreign)])
    assert "another program" in capsys.readouterr().err


def test_an_address_that_is_taken_is_said(
    database: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert 2 == main(["registry", "--port", str(taken.getsockname()[1]), *database])
    assert "in use" in capsys.readouterr().err


def test_uvicorn_is_needed(
    database: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error tells what to install."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert 2 == main(["registry", *database])
    assert "meshlib-client[registry]" in capsys.readouterr().err


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """For asyncio to switch that off, a socket must say that it is TCP."""
    with _listen("127.0.0.1", 0) as listening:
        assert socket.IPPROTO_TCP == listening.proto


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_listens_at_ipv6_addresses() -> None:
    """By their colons."""
    with _listen("::1", 0) as listening:
        assert socket.AF_INET6 == listening.family
