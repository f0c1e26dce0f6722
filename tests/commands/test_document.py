"""`python -m meshlib document`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from meshlib.__main__ import main
from support.real import free_port


def run(capsysbinary: Any, *arguments: str) -> tuple[int, bytes, str]:
    """The exit code, what stdout got, and what stderr got."""
    code = main(["document", *arguments])
    told = capsysbinary.readouterr()
    return code, told.out, told.err.decode()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A document to change, and contents for it."""
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n")
    (tmp_path / "bad.yaml").write_text("nme: bad\n")
    names = ("one", "two", "three", "bad", "mesh")
    return {name: str(tmp_path / f"{name}.yaml") for name in names}


def test_a_document_is_put_read_and_rolled_back(capsysbinary: Any, files: dict[str, str]) -> None:
    """The whole way, with what each step says."""
    mesh = files["mesh"]
    assert (1, b"", f"meshlib document: {mesh}: there is no document\n") == run(
        capsysbinary, "get", mesh
    )
    assert 1 == run(capsysbinary, "history", mesh)[0]
    for name in ("one", "two", "three"):
        assert (0, f"{mesh}: replaced\n".encode(), "") == run(
            capsysbinary, "put", mesh, files[name]
        )
    assert (0, f"{mesh}: says so already\n".encode(), "") == run(
        capsysbinary, "put", mesh, files["three"]
    )
    assert (0, b"name: three\n", "") == run(capsysbinary, "get", mesh)
    assert (0, b"name: one\n", "") == run(capsysbinary, "get", mesh, "--number", "1")
    assert 1 == run(capsysbinary, "get", mesh, "--number", "9")[0]
    code, out, _ = run(capsysbinary, "rollback", mesh)
    assert (0, f"{mesh}: says again what 2 of the history says\n") == (code, out.decode())
    assert 0 == run(capsysbinary, "rollback", mesh, "1")[0]
    assert (0, b"name: one\n", "") == run(capsysbinary, "get", mesh)
    code, out, _ = run(capsysbinary, "history", mesh)
    assert [b"1", b"2", b"3", b"4", b"now"] == [line.split()[0] for line in out.splitlines()]
    code, _, err = run(capsysbinary, "rollback", mesh, "9")
    assert 1 == code
    assert "there are 1, 2, 3, 4" in err


def test_an_invalid_document_is_refused(capsysbinary: Any, files: dict[str, str]) -> None:
    """With the line, and nothing is written; unless one says that it is not to be checked."""
    mesh = files["mesh"]
    code, out, err = run(capsysbinary, "put", mesh, files["bad"])
    assert (1, b"") == (code, out)
    assert f"{mesh}:1: nme: unknown key 'nme'" in err
    assert not Path(mesh).exists()
    assert 0 == run(capsysbinary, "put", mesh, files["bad"], "--unchecked")[0]


def test_an_expected_version_is_compared(capsysbinary: Any, files: dict[str, str]) -> None:
    """The one that `history` prints."""
    mesh = files["mesh"]
    run(capsysbinary, "put", mesh, files["one"])
    version = run(capsysbinary, "history", mesh)[1].split()[-1].decode()
    assert 4 == run(capsysbinary, "put", mesh, files["two"], "--if-version", "7")[0]
    assert 0 == run(capsysbinary, "put", mesh, files["two"], "--if-version", version)[0]
    code, _, err = run(capsysbinary, "put", mesh, files["three"], "--if-version", version)
    assert 4 == code
    assert "somebody else" in err


def test_a_document_comes_from_stdin(
    capsysbinary: Any, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called `-`, as usual."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"name: four\n")))
    assert 0 == run(capsysbinary, "put", files["mesh"], "-")[0]
    assert b"name: four\n" == Path(files["mesh"]).read_bytes()


def test_wrong_arguments_are_told(capsysbinary: Any, files: dict[str, str]) -> None:
    """A location that is none, and a file that is not there."""
    code, _, err = run(capsysbinary, "get", "etcd://host")
    assert 2 == code
    assert "does not name a key" in err
    code, _, err = run(capsysbinary, "put", files["mesh"], files["mesh"])
    assert 2 == code
    assert "No such file" in err


def test_a_store_that_is_away_is_told(capsysbinary: Any) -> None:
    """Whether it refuses or never answers."""
    url = f"etcd://127.0.0.1:{free_port()}/mesh"
    code, out, err = run(capsysbinary, "get", url)
    assert (3, b"") == (code, out)
    assert err.startswith(f"meshlib document: {url}: ")
    code, _, err = run(capsysbinary, "get", url, "--timeout", "0")
    assert 3 == code
    assert f"{url}: no answer in 0 s" in err


def test_an_unknown_time_is_said(capsysbinary: Any, files: dict[str, str]) -> None:
    """Of a document that somebody put into the history by hand."""
    mesh = Path(files["mesh"])
    mesh.write_text("name: a")
    history = mesh.with_name("mesh.yaml.history")
    history.mkdir()
    (history / "1").write_text("name: b")
    assert b"replaced at an unknown time" in run(capsysbinary, "history", str(mesh))[1]
