"""`python -m meshlib import istio` and `export kubernetes`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import yaml

from meshlib.__main__ import main
from meshlib.config import load_config

DATA = Path(__file__).parent / "data"
Capture = pytest.CaptureFixture[str]


def test_a_document_is_written(capsys: Capture) -> None:
    """It is on stdout, valid, and the report is on stderr."""
    assert 0 == main(["import", "istio", str(DATA / "shop.yaml"), str(DATA / "gateway.yaml")])
    out, err = capsys.readouterr()
    config = load_config(yaml.safe_load(out), environ={})
    assert {"reviews", "ratings.stock", "old.example.com"} <= set(config.services)
    assert f"{DATA / 'shop.yaml'}: VirtualService shop/reviews: spec.http[1].retries" in err
    assert err.endswith("0 not carried over, 5 with another meaning\n") or " with another" in err


def test_strict_counts_findings(tmp_path: Path, capsys: Capture) -> None:
    """The document is written all the same, to the file that was named."""
    output = tmp_path / "mesh.yaml"
    arguments = ["import", "istio", str(DATA / "shop.yaml"), "-o", str(output), "--strict"]
    assert 1 == main(arguments)
    assert "reviews" in load_config(output, environ={}).services
    assert "" == capsys.readouterr().out


def test_strict_is_content_without_findings(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is carried over whole ends with 0, and nothing is told; `-` is the standard input."""
    text = b"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: users, namespace: shop}
spec: {host: users, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
"""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert 0 == main(["import", "istio", "-", "--namespace", "other", "--strict"])
    out, err = capsys.readouterr()
    assert {"users.shop": {"balancer": {"name": "random"}}} == yaml.safe_load(out)["services"]
    assert "" == err


def test_objects_are_written(capsys: Capture) -> None:
    """All of them in one stream, in the namespace that was named, with the file's own text."""
    file = DATA / "mesh.yaml"
    assert 0 == main(["export", "kubernetes", str(file), "--namespace", "shop"])
    out, err = capsys.readouterr()
    objects = list(yaml.safe_load_all(out))
    kinds = {
        "ServiceAccount",
        "ConfigMap",
        "NetworkPolicy",
        "PeerAuthentication",
        "DestinationRule",
        "VirtualService",
    }
    assert kinds == {each["kind"] for each in objects}
    assert {"shop"} == {each["metadata"]["namespace"] for each in objects}
    (config_map,) = (each for each in objects if each["kind"] == "ConfigMap")
    assert {"mesh.yaml": file.read_text()} == config_map["data"]
    assert f"{file}: services.users.hedge: not carried over" in err


def test_objects_are_written_to_a_directory(tmp_path: Path) -> None:
    """One file for each, named by kind and name."""
    output = tmp_path / "new" / "objects"
    file = str(DATA / "mesh.yaml")
    assert 1 == main(["export", "kubernetes", file, "-o", str(output), "--strict"])
    names = {path.name for path in output.iterdir()}
    assert {"serviceaccount-check-out.yaml", "virtualservice-users.yaml"} <= names
    assert {len(list(yaml.safe_load_all(path.read_text()))) for path in output.iterdir()} == {1}


@pytest.mark.parametrize(
    "arguments",
    [
        ["import"],
        ["export"],
        ["import", "istio", "missing.yaml"],
        ["export", "kubernetes", "missing.yaml"],
        ["import", "istio", str(DATA / "mesh.yaml")],
        ["export", "kubernetes", str(DATA / "shop.yaml")],
    ],
)
def test_what_cannot_be_read_ends_with_2(arguments: list[str], capsys: Capture) -> None:
    """Nothing is written, and one line says why."""
    assert 2 == main(arguments)
    out, err = capsys.readouterr()
    assert "" == out
    assert err
