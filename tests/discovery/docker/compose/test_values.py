"""Values of a compose file and their places."""

from __future__ import annotations

import pytest

from meshlib import ConfigurationError
from meshlib.discovery.docker.compose._values import Value, parse_values


def values(content: str | bytes, **variables: str) -> list[Value]:
    """The documents of a file with *content*."""
    content = content if isinstance(content, bytes) else content.encode()
    return parse_values(content, "f.yaml", variables.get)


def value(content: str, **variables: str) -> Value:
    """The value under the key `a`."""
    return values(content, **variables)[0].mapping()["a"]


@pytest.mark.parametrize("plain", ["22:22", "on", "08", "1_0", "0x1f", "2020-01-01", "1.50"])
def test_plain_scalars_are_texts(plain: str) -> None:
    """By YAML 1.1 each of these would be something else."""
    assert plain == value(f"a: {plain}").text()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1.50", "1.5"),
        ("'1.50'", "1.50"),
        ('"true"', "true"),
        ("True", "true"),
        ("FALSE", "false"),
        ("yes", "yes"),
        ("null", ""),
        ("~", ""),
        ("", ""),
        ("''", ""),
        ("010", "8"),
        ("0x1f", "31"),
        ("-007", "-7"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("09", "09"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("12345678.5", "1.23456785e+07"),
        ("1000000.0", "1e+06"),
        ("0.00001", "1e-05"),
        ("1e400", "1e400"),
        ("0.0", "0"),
        ("text", "text"),
        ("$N", "1.5"),
    ],
)
def test_scalars_are_written_as_compose_does(written: str, expected: str) -> None:
    """A label has the text that Go gives what YAML has read."""
    assert expected == value(f"a: {written}", N="1.50").scalar()


def test_a_long_number_stays_a_text() -> None:
    """Python would refuse to convert it."""
    assert "1" * 5000 == value(f"a: {'1' * 5000}").scalar()


def test_variables_are_put_in() -> None:
    """Into texts, and never into keys."""
    read = values("$K: $V\nb: ['${V}']", K="1", V="2")[0].mapping()
    assert ["$K", "b"] == [*read]
    assert ["2", "2"] == [read["$K"].text(), read["b"].items()[0].text()]


def test_merge_keys_and_aliases() -> None:
    """The keys of the mapping itself win, whatever the order."""
    content = """
x: &x {one: 1, two: 2}
y: &y {three: 3}
a: {<<: [*x, *y], two: two}
b: {two: two, <<: *x}
c: *x
"""
    read = values(content)[0].mapping()
    assert {"one": "1", "two": "two", "three": "3"} == {
        key: one.text() for key, one in read["a"].mapping().items()
    }
    assert "two" == read["b"].mapping()["two"].text()
    assert "2" == read["c"].mapping()["two"].text()


def test_places_are_told() -> None:
    """File, line and path, those of the key that a value stands at."""
    content = "\nservices:\n  users:\n    image: x\n    ports:\n      - 80\n"
    users = values(content)[0].mapping()["services"].mapping()["users"]
    assert "f.yaml, line 3: services.users" == users.place
    port = users.mapping()["ports"].items()[0]
    assert "f.yaml, line 6: services.users.ports[0]" == port.place
    assert "f.yaml, line 2" == values(content)[0].place


@pytest.mark.parametrize(
    ("content", "asked", "message"),
    [
        ("a: []", "mapping", "a mapping is needed"),
        ("a: {}", "items", "a list is needed"),
        ("a: {}", "text", "a text is needed"),
        ("a: []", "scalar", "a text is needed"),
        ("a: x", "number", "a whole number is needed, not 'x'"),
        ("a: -1", "number", "a whole number is needed"),
        ("a: 1.5", "number", "a whole number is needed"),
        ("a: ${X:?say it}", "text", "the variable X is needed: say it"),
    ],
)
def test_other_kinds_are_refused(content: str, asked: str, message: str) -> None:
    """With the place."""
    with pytest.raises(ConfigurationError, match=f"^f.yaml, line 1: a: {message}"):
        getattr(value(content), asked)()


def test_nothing_is_empty() -> None:
    """A key without a value says nothing."""
    assert {} == value("a:").mapping()
    assert [] == value("a: null").items()
    assert value("a: !!null x").is_null
    assert not value("a: 'null'").is_null


def test_marks() -> None:
    """Those by which a later file takes away, or replaces."""
    assert value("a: !reset null").resets
    assert value("a: !override [1]").overrides
    assert value("a: !override").overrides
    assert not value("a: !override").is_null
    assert not value("a: 1").resets
    assert not value("a: 1").overrides


def test_several_documents() -> None:
    """They are merged like files; empty ones are none."""
    assert ["1", "2"] == [
        one.mapping()["a"].text() for one in values("a: 1\n---\na: 2\n") if not one.is_null
    ]
    assert [] == values("# nothing\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", r"^f\.yaml, line 1, column \d+: "),
        ("a: 1\na: 2", "^f.yaml, line 2, column 1: the key 'a' stands here twice"),
        ("{a: {b: 1, b: 2}}", "the key 'b' stands here twice"),
        ("[a]: 1", "a key is a text"),
        ("a: *b", "undefined alias"),
        ("a: {<<: 1}", "expected a mapping"),
        (b"a: \xff", r"^f\.yaml: "),
        ("[" * 2_000, r"^f\.yaml"),
    ],
)
def test_what_is_no_yaml_is_refused(content: str | bytes, message: str) -> None:
    """With the place where it stands, as far as there is one."""
    with pytest.raises(ConfigurationError, match=message):
        values(content)
