"""The page that compares faults with failures speaks of those that are compared."""

from __future__ import annotations

from pathlib import Path

from meshlib.faults import ERROR_NAMES
from meshlib.transport._failures import BLOCKING, SUSPENDING
from support.failures import FAILURES

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "faults-compared.md"


def rows() -> dict[str, tuple[str, str]]:
    """Rule and difference of each row, by its failure."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| failure"):
            name, _, rule, differs = (cell.strip() for cell in line.strip("|").split("|"))
            found[name] = (rule, differs)
    return found


def test_every_failure_has_its_row() -> None:
    """In the same order, with what it still differs in."""
    expected = {failure.name: failure.differs or "–" for failure in FAILURES}
    assert list(expected.items()) == [(name, differs) for name, (_, differs) in rows().items()]


def test_every_row_shows_what_its_rule_does() -> None:
    """The words of the rule that the test injects."""
    for failure in FAILURES:
        shown = rows()[failure.name][0]
        assert all(f"{key}:" in shown for key in failure.fault), failure


def test_every_error_is_compared_or_said_to_be_none() -> None:
    """Two have no real counterpart in a test, and the page says why."""
    compared = {failure.fault.get("abort", {}).get("error") for failure in FAILURES}
    assert {"unreachable", "broken_pipe"} == set(ERROR_NAMES) - compared
    text = PAGE.read_text(encoding="utf-8")
    assert "**`unreachable`**" in text
    assert "**`broken_pipe`**" in text


def test_every_error_has_its_words_in_threads_and_in_loops() -> None:
    """But those that depend on more than an address."""
    others = {"pool_timeout", "disconnected"}
    assert set(ERROR_NAMES) - others == set(BLOCKING) == set(SUSPENDING)
