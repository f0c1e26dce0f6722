"""Two shops with three planted mistakes each: all are found, and none in the repaired ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.source import ROOT

pytest_plugins = ["pytester"]

EXAMPLES = ROOT / "examples" / "explore"
PLANTED = {
    "fastapi": {
        "rates GET /eur -> 503": "an order failed without a fault of its own",
        "payments POST /charge -> response_lost once": "charged twice",
        "recommendations GET /for/{id} -> refused": "not an answer of this service",
    },
    "flask": {
        "payments POST /charge -> 503": "saved, not paid",
        "stock GET /items/{id} -> slow": "an answer took too long",
        "ledger GET /entries -> 503": "503",
    },
}
COUNTS = {
    ("fastapi", "broken"): (55, 1270),
    ("fastapi", "repaired"): (55, 1270),
    ("flask", "broken"): (27, 28),
    ("flask", "repaired"): (27, 28),
}
"""Runs made, and runs that trying every combination would take."""


def explore(pytester: pytest.Pytester, shop: str, state: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the coverage of one example."""
    shutil.copy(EXAMPLES / f"{shop}_{state}.py", pytester.path / "shop.py")
    shutil.copy(EXAMPLES / f"check_{shop}.py", pytester.path / "test_shop.py")
    result = pytester.runpytest_subprocess(
        "-p", "no:cloudcoil", "-p", "no:asyncio", "-q", "--mesh-coverage-json=out.json"
    )
    return int(result.ret), json.loads((pytester.path / "out.json").read_text())


@pytest.mark.parametrize("shop", PLANTED)
def test_every_planted_mistake_is_found(pytester: pytest.Pytester, shop: str) -> None:
    """Each by the fault that brings it to light, with what the test said."""
    code, report = explore(pytester, shop, "broken")
    assert pytest.ExitCode.TESTS_FAILED == code
    files = Path(pytester.path, "mesh-failures").glob("*.json")
    cases = {case["case"]: case["failure"] for case in map(json.loads, map(Path.read_text, files))}
    for case, failure in PLANTED[shop].items():
        assert failure in cases[case], cases
    assert COUNTS[shop, "broken"] == (report["runs"], report["product"])
    print(f"{shop}: {report['runs']} runs of {report['product']}")


@pytest.mark.parametrize("shop", PLANTED)
def test_nothing_is_found_in_the_repaired_one(pytester: pytest.Pytester, shop: str) -> None:
    """The same test, the same faults, all of them tried."""
    code, report = explore(pytester, shop, "repaired")
    assert (pytest.ExitCode.OK, [], 100.0) == (code, report["failures"], report["percentage"])
    assert COUNTS[shop, "repaired"] == (report["runs"], report["product"])
    print(f"{shop}: {report['runs']} runs of {report['product']}")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    """Under 40 lines, and open by saying what they show."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert text.count("\n") < 40
    assert "meshlib._" not in text
