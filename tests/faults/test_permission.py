"""Where faults may run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.faults import why_forbidden


@pytest.mark.parametrize(
    ("environments", "here", "reason"),
    [
        (None, "", ""),
        (None, "production", ""),
        (("ci", "staging"), "ci", ""),
        (("ci",), "", "MESHLIB_ENV is not set, and faults may run in: ci"),
        (("ci", "a"), "prod", "MESHLIB_ENV is 'prod', and faults may run in: a, ci"),
        (("ci",), "CI", "MESHLIB_ENV is 'CI', and faults may run in: ci"),
        (("ci",), "ci ", "MESHLIB_ENV is 'ci ', and faults may run in: ci"),
        ((), "ci", "MESHLIB_ENV is 'ci', and faults may run in: none"),
        (("",), "", "MESHLIB_ENV is not set, and faults may run in: none"),
    ],
)
def test_only_what_is_listed_is_allowed(
    environments: tuple[str, ...] | None, here: str, reason: str
) -> None:
    """Without a list everything is; what has no name is in none."""
    assert reason == why_forbidden(environments, here)


@given(st.sets(st.text(min_size=1, max_size=8)), st.text(max_size=8))
def test_whatever_is_not_listed_is_refused(environments: set[str], here: str) -> None:
    """Letter by letter."""
    assert (here in environments) == (why_forbidden(environments, here) == "")
