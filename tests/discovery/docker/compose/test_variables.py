"""Putting variables into texts, and reading them from a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.discovery.docker.compose._environment import parse_environment
from meshlib.discovery.docker.compose._variables import VariableError, substitute

VARIABLES = {"A": "1", "EMPTY": "", "B_2": "two"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("x${A}y$B_2-z", "x1ytwo-z"),
        ("$A$A", "11"),
        ("$$A", "$A"),
        ("$$$A", "$1"),
        ("$${A}", "${A}"),
        ("$NONE", ""),
        ("${NONE}", ""),
        ("costs $5", "costs $5"),
        ("a$", "a$"),
        ("$-", "$-"),
        ("${A:-d}", "1"),
        ("${NONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${NONE-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NONE:-}", ""),
        ("${A:+r}", "r"),
        ("${NONE:+r}", ""),
        ("${EMPTY:+r}", ""),
        ("${A+r}", "r"),
        ("${EMPTY+r}", "r"),
        ("${NONE+r}", ""),
        ("${A:?needed}", "1"),
        ("${EMPTY?needed}", ""),
        ("${NONE:-${A}}", "1"),
        ("${NONE:-${EMPTY:-$B_2}}/x", "two/x"),
        ("${NONE:-a}${A:+b}", "ab"),
        ("${NONE:-http://h:1/a-b?c+d}", "http://h:1/a-b?c+d"),
        ("${NONE:-{}}", "{}"),
    ],
)
def test_forms(template: str, expected: str) -> None:
    """Each form of the documentation, alone and nested."""
    assert expected == substitute(template, VARIABLES.get)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("${NONE:?say it}", "the variable NONE is needed: say it"),
        ("${EMPTY:?}", "the variable EMPTY is needed$"),
        ("${NONE?for ${A}}", "the variable NONE is needed: for 1"),
        ("${NONE:-${ALSO:?inner}}", "the variable ALSO is needed: inner"),
        ("${A", "not closed"),
        ("${}", r"'\$\{\}' is not a variable"),
        ("${1A}", "is not a variable"),
        ("${A/x/y}", "is not a variable"),
        ("${A b}", "is not a variable"),
        ("${X:-" * 30 + "}" * 30, "too deeply"),
    ],
)
def test_what_cannot_be_put_in(template: str, message: str) -> None:
    """A form that is none would be taken for text, and a needed value would be missing."""
    with pytest.raises(VariableError, match=message):
        substitute(template, VARIABLES.get)


@given(st.text(alphabet="$${}ANE:-+?/ x1", max_size=30))
def test_any_template_is_put_together_or_refused(template: str) -> None:
    """Nothing else is raised, and a text without dollars stays as it is."""
    try:
        result = substitute(template, VARIABLES.get)
    except VariableError:
        return
    assert "$" in template or template == result


def variables(content: str, **known: str) -> dict[str, str]:
    """The variables in a file with *content*."""
    return parse_environment(content.encode(), "/p/.env", known)


def test_a_file_of_variables() -> None:
    """Comments, quotes, `export`, and variables in values, but for those in single quotes."""
    content = """
# a comment
PLAIN=1 # another
export EXPORTED = two words
EMPTY=
MENTIONED
SINGLE='$PLAIN # no'
DOUBLE="${PLAIN} # no\\n$EXPORTED"
ESCAPED="\\$PLAIN"
DEFAULT=${NONE:-d}${PLAIN}
LINES="a
b"
HASH=a#b
"""
    assert {
        "PLAIN": "1",
        "EXPORTED": "two words",
        "EMPTY": "",
        "SINGLE": "$PLAIN # no",
        "DOUBLE": "1 # no\ntwo words",
        "ESCAPED": "$PLAIN",
        "DEFAULT": "d1",
        "LINES": "a\nb",
        "HASH": "a#b",
    } == variables(content)


def test_known_variables_win_within_values() -> None:
    """What the process has is put in, not what stands in the file."""
    assert "9" == variables("A=1\nB=$A", A="9")["B"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A=1\nA B=2\n", r"^/p/\.env, line 2: 'A B=2' is not NAME=value"),
        ("A='1\n", r"^/p/\.env, line 1: .* is not NAME=value"),
        ("A=1\nB=${C:?say it}\n", r"^/p/\.env, line 2: the variable C is needed: say it"),
    ],
)
def test_a_bad_line_is_named(content: str, message: str) -> None:
    """With the file and the number of the line."""
    with pytest.raises(ConfigurationError, match=message):
        variables(content)


def test_other_encodings_are_refused() -> None:
    """Names and values would be garbled."""
    with pytest.raises(ConfigurationError, match=r"/p/\.env: not UTF-8 at byte 2"):
        parse_environment(b"A=\xff", "/p/.env", {})


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has such a file is told what to install."""
    monkeypatch.setitem(__import__("sys").modules, "dotenv.parser", None)
    with pytest.raises(
        ConfigurationError, match=r"dotenv.*pip install 'meshlib-client\[compose\]'"
    ):
        variables("A=1")


@given(st.text(alphabet="AB=$'\"\\# \n{}:-", max_size=40))
def test_any_file_is_read_or_refused(content: str) -> None:
    """Nothing else is raised."""
    try:
        variables(content)
    except ConfigurationError:
        pass
