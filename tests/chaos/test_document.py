"""Faults in the document that other processes follow, and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, MeshClient
from meshlib.chaos import DocumentFaults, Verdict, hold, load_scenario, rules_of, run, take_out
from meshlib.config import DocumentStore, MeshConfig, load_config
from meshlib.config.store import store_at

TEXT = b"""\
# What the shop is told.
services:
  users: {endpoints: ["http://127.0.0.1:1"]}  # one
environments:
  staging:
    faults: [{name: own, abort: {status: 500}}]
"""
RULES = rules_of(load_scenario("brownout").plan(), "brownout-1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document with a comment, and an overlay with faults."""
    path = tmp_path / "mesh.yaml"
    path.write_bytes(TEXT)
    return path


def store(file: Path) -> DocumentStore:
    """The document in *file*."""
    return DocumentStore(store_at(file))


def names(file: Path, environment: str = "") -> list[str]:
    """The rules that a process would have."""
    environ = {"MESHLIB_ENV": environment} if environment else {}
    return [rule.name for rule in load_config(file, environ=environ).faults]


def test_faults_go_in_and_out(file: Path) -> None:
    """The document has them, in every environment, and then is as it was, to the byte."""
    faults = DocumentFaults(store(file), RULES)
    faults.begin()
    both = ["chaos/brownout-1/slow", "chaos/brownout-1/failing"]
    assert both == names(file)
    assert ["own", *both] == names(file, "staging")
    assert list(RULES) == list(load_config(file, environ={}).faults)
    faults.end()
    assert TEXT == file.read_bytes()
    faults.end()
    assert TEXT == file.read_bytes()


def test_what_others_changed_meanwhile_stays(file: Path) -> None:
    """Only the rules are taken out of a document that somebody else has replaced."""
    faults = DocumentFaults(store(file), RULES)
    faults.begin()
    file.write_bytes(file.read_bytes() + b"name: changed\n")
    faults.end()
    assert [] == names(file)
    assert ["own"] == names(file, "staging")
    assert "changed" == load_config(file, environ={}).name


def test_what_a_crash_left_is_taken_out(file: Path) -> None:
    """The rules of any run go, and the document is as its history has it."""
    DocumentFaults(store(file), RULES).begin()
    assert () == take_out(store(file), "another")
    assert ("chaos/brownout-1/slow", "chaos/brownout-1/failing") == take_out(store(file))
    assert TEXT == file.read_bytes()
    assert () == take_out(store(file))


def test_rules_end_by_themselves() -> None:
    """A run that crashed has left rules that act no longer than its method."""
    assert {10.0} == {rule.duration for rule in RULES}


@pytest.mark.parametrize("name", ["mesh.json", "mesh.toml"])
def test_the_format_stays(tmp_path: Path, name: str) -> None:
    """JSON stays JSON; TOML cannot be written, and says so before anything is changed."""
    path = tmp_path / name
    path.write_text('{"name": "shop"}' if name.endswith("json") else 'name = "shop"\n')
    before = path.read_bytes()
    faults = DocumentFaults(store(path), RULES)
    if name.endswith("toml"):
        with pytest.raises(ConfigurationError, match="use YAML or JSON"):
            faults.begin()
    else:
        faults.begin()
        assert 2 == len(MeshConfig.model_validate(load_config(path, environ={})).faults)
    faults.end()
    assert before == path.read_bytes()


def test_no_document(tmp_path: Path) -> None:
    """There must be one."""
    with pytest.raises(ConfigurationError, match="there is no document"):
        DocumentFaults(store(tmp_path / "none.yaml"), RULES).begin()


def test_held_without_a_load(file: Path) -> None:
    """Faults are in the document for as long as the method takes, and nobody judges."""
    seen: list[list[str]] = []

    def sleep(seconds: float) -> None:
        assert 10.0 == seconds
        seen.append(names(file))

    report = hold("brownout", store(file), sleep=sleep)
    assert 2 == len(seen[0])
    assert Verdict.INCONCLUSIVE is report.verdict
    assert TEXT == file.read_bytes()


def test_out_again_when_interrupted(file: Path) -> None:
    """Ctrl-C while faults are held takes them out."""

    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold("brownout", store(file), sleep=sleep)
    assert TEXT == file.read_bytes()


@pytest.mark.parametrize(
    ("trust", "verdict"), [(True, Verdict.PASS), (False, Verdict.INCONCLUSIVE)]
)
def test_run_by_others(file: Path, shop: Any, trust: bool, verdict: Verdict) -> None:
    """That faults fired elsewhere is believed only with trust."""
    one = shop()
    seen: set[int] = set()

    def load() -> Any:
        seen.add(len(names(file)))
        return one.call()

    report = run(
        one.client, "brownout", load=load, rate=10, concurrency=1, document=store(file),
        trust=trust, sleep=one.time.sleep,
    )  # fmt: skip
    assert verdict is report.verdict, str(report)
    assert {0, 2} == seen
    assert report.injected is None
    assert TEXT == file.read_bytes()


def test_a_mesh_that_follows_injects(file: Path) -> None:
    """A process that loads the document again has the rules, and then no more."""
    with MeshClient(config=file) as client:
        faults = DocumentFaults(store(file), RULES)
        faults.begin()
        client.mesh.apply()
        assert 2 == len(client.mesh.faults.rules)
        faults.end()
        client.mesh.apply()
        assert not client.mesh.faults.rules
