"""Where in a file something is said."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib._problems import Location, path_of
from meshlib.config import load_config
from meshlib.config._lines import Lines

YAML = """\
name: checkout
base: &base
  timeout: 5s
defaults:
  timeout: 1s
  retry: {max_attempts: 4}
services:
  Users:
    endpoints:
      - "http://a"
      - url: "http://b"
        weight: 0
    retry: false
    balancer:
      ring_hash:
        key: {header: x}
  orders: ["http://c",
    "http://d"]
  api.example.com:
    <<: *base
    breaker:
      failure_ratio: 0.5
  list:
    <<: [*base, {panic: true}]
environments:
  production:
    defaults: {hedge: true}
    services:
      users: {timeout: 9s}
  empty:
"""

TOML = '''\
# services.users.timeout = 1
name = "checkout" # "
text = """
[services.users]
timeout = 2 ""\\" """"
other = \'\'\'
a = 1\'\'\'

[defaults]
timeout = "5s"
retry.max_attempts = 4
"quoted.key" = 1

[services.users]
endpoints = [
  "http://a", # ]
  {url = "http://b", weight = 0},
]

[[faults]]
name = "one"

[[faults]]
name = "two"
abort = {status = 503, 'percentage' = 5}

[faults.delay]
fixed = 2024-01-01

[environments.production]
'''


def line(text: str, name: str, place: str, environment: str = "") -> int | None:
    """The line of *place* in *text*, the content of a file called *name*."""
    return Lines(text.encode(), name).find(place, environment).line


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("name", 1),
        ("defaults.timeout", 5),
        ("services.users", 8),
        ("services.users.endpoints[1].weight", 12),
        ("services.users.endpoints[0]", 10),
        ("services.users.endpoints[7].url", 9),
        ("services.users.retry.max_attempts", 13),
        ("services.users.balancer.key.header", 16),
        ("services.users.balancer.ring_hash", 15),
        ("services.users.timeout", 5),
        ("services.users.nowhere", 8),
        ("services.orders.endpoints[1]", 18),
        ("services.orders.endpoints", 17),
        ("services.orders.retry.max_attempts", 6),
        ("services.orders.routes[0]", 17),
        ("services.api.example.com.breaker.failure_ratio", 22),
        ("services.api.example.com.timeout", 3),
        ("services.api.example.com.breaker.enabled", 21),
        ("services.list.panic.threshold", 24),
        ("services.unknown.timeout", 5),
        ("environments.production.services.users.timeout", 29),
        ("environments.production.services.users.retry.max_attempts", 13),
        ("environments.production.services.orders.hedge", 27),
        ("environments.production.services.orders.timeout", 5),
        ("environments.nowhere.name", 25),
        ("environments", 25),
        ("nowhere", None),
        ("", None),
    ],
)
def test_place_is_found_where_it_is_said(place: str, number: int | None) -> None:
    """The key itself, what it is inherited from, or the nearest heading around it."""
    assert number == line(YAML, "mesh.yaml", place)


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("services.users.timeout", 29),
        ("services.users.hedge.delay", 27),
        ("services.users.endpoints[1].weight", 12),
        ("name", 1),
    ],
)
def test_overlay_in_force_is_looked_at_first(place: str, number: int) -> None:
    """It overrides the document, and its defaults override the document's."""
    assert number == line(YAML, "mesh.yaml", place, "production")
    assert line(YAML, "mesh.yaml", place) == line(YAML, "mesh.yaml", place, "empty")
    assert line(YAML, "mesh.yaml", place) == line(YAML, "mesh.yaml", place, "unknown")


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("name", 2),
        ("text", 3),
        ("other", 6),
        ("defaults.timeout", 10),
        ("defaults.retry.max_attempts", 11),
        ("defaults.quoted.key", 12),
        ("services.users.endpoints[1].weight", 17),
        ("services.users.endpoints[0]", 16),
        ("services.users.timeout", 10),
        ("faults[0].name", 21),
        ("faults[1].name", 24),
        ("faults[1].abort.percentage", 25),
        ("faults[1].delay.fixed", 28),
        ("faults[1].delay", 27),
        ("environments.production", 30),
    ],
)
def test_toml_is_found_as_well(place: str, number: int) -> None:
    """Tables, lists of tables, dotted and quoted keys; never what strings and comments say."""
    tomllib.loads(TOML)
    assert number == line(TOML, "mesh.toml", place)
    assert number == line(TOML.replace("\n", "\r\n"), "mesh.toml", place)


def test_document_without_defaults_has_lines_too() -> None:
    """The nearest heading, when nobody said it; and a comment there silences nothing else."""
    lines = Lines(b"services:\n  a: {}  # meshlib: ignore ML001\n", "mesh.yaml")

    assert 2 == lines.find("services.a.timeout").line
    assert frozenset() == lines.ignored(None) == lines.ignored(lines.find("b"))


def test_json_may_be_indented_with_tabs() -> None:
    """They are blanks in JSON, though not in YAML."""
    text = json.dumps({"services": {"users": {"timeout": "5s", "x\t": 1}}}, indent="\t")
    found = Lines(text.encode(), "mesh.json").find("services.users.timeout")

    assert Location("mesh.json", 4, 4) == found
    assert text.splitlines()[3] == '\t\t\t"timeout": "5s",'


@pytest.mark.parametrize("text", ["a: [", "", "\x00", "a: 1\n---\nb: 1", "a: " + "[" * 5000])
def test_what_is_no_document_has_no_lines(text: str) -> None:
    """The file is named all the same."""
    assert Location("mesh.yaml") == Lines(text.encode(), "mesh.yaml").find("a.b")
    assert str(Location("mesh.yaml")) == "mesh.yaml"


def test_lines_are_those_of_editors() -> None:
    """Line separators that YAML knows beside the usual ones do not count; nor does a mark."""
    text = '\ufeffa: "x\u2028y\u0085z"\nb: 1\n'

    assert Location("m.yaml", 2, 1) == Lines(text.encode(), "m.yaml").find("b")


def test_alias_of_itself_ends() -> None:
    """A list in itself is followed as far as the place goes."""
    text = "a: &a\n  b: *a\n"

    assert line(text, "mesh.yaml", "a.b.b.b") == 2


def test_keys_that_are_no_text_are_passed_over() -> None:
    """They are refused elsewhere."""
    text = "? [x]\n: 1\n<<: 3\nb: 2\n"

    assert line(text, "mesh.yaml", "b") == 4


names = st.text("abcdefghy", min_size=1, max_size=4)
scalars = st.one_of(
    st.integers(),
    st.booleans(),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=6),
)
trees = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner)),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def places(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and index in *tree*, by its place."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, part in parts:
        yield (*place, key)
        if isinstance(part, dict | list):
            yield from places(part, (*place, key))


def in_toml(tree: dict[str, Any], at: tuple[str, ...] = ()) -> str:
    """A TOML document that says *tree*: tables under headings, everything else inline."""
    tables = {key: part for key, part in tree.items() if isinstance(part, dict)}
    pairs = [f"{key} = {inline(part)}\n" for key, part in tree.items() if key not in tables]
    heading = f"[{'.'.join(at)}] # {{\n" if at else ""
    return heading + "".join(pairs) + "".join(in_toml(t, (*at, k)) for k, t in tables.items())


def inline(value: Any) -> str:
    """A TOML value on as few lines as there may be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {inline(part)}' for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[ # ]\n" + ",\n".join(map(inline, value)) + "]"
    return json.dumps(value)


@given(trees)
def test_every_key_of_a_document_is_found(tree: dict[str, Any]) -> None:
    """In each format, exactly where it is written."""
    texts = {
        "m.yaml": yaml.safe_dump(tree),
        "m.json": json.dumps(tree, indent="\t"),
        "m.toml": in_toml(tree),
    }
    assert list(places(tomllib.loads(texts["m.toml"]))) == list(places(in_order(tree)))
    for name, text in texts.items():
        lines = Lines(text.encode(), name)
        for place in places(tree):
            found = lines.find(path_of(place))
            assert found.line is not None
            assert found.column is not None
            rest = text.splitlines()[found.line - 1][found.column - 1 :]
            if isinstance(place[-1], str):
                assert rest.lstrip("\"'").startswith(place[-1])


def in_order(tree: Any) -> Any:
    """*tree* with its tables behind everything else, as TOML has them."""
    if not isinstance(tree, dict):
        return tree
    plain = {key: part for key, part in tree.items() if not isinstance(part, dict)}
    return plain | {key: in_order(part) for key, part in tree.items() if key not in plain}


@pytest.mark.parametrize(
    ("line", "ignored"),
    [
        (1, set()),
        (2, {"ML001"}),
        (4, {"ML002", "ML003"}),
        (5, set()),
        (6, {"ML004"}),
    ],
)
def test_comment_names_rules_to_ignore(line: int, ignored: set[str]) -> None:
    """On the line, or alone on the line above."""
    text = (
        "a: 1\n"
        "b: 2  # meshlib: ignore ML001\n"
        "# meshlib: ignore ML002, ML003: they are meant\n"
        "c: 3\n"
        "d: 4  # ignore ML001\n"
        "e: 5  # why, meshlib: x # meshlib:ignore ML004\n"
    )
    assert ignored == Lines(text.encode(), "mesh.yaml").ignored(Location("mesh.yaml", line))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("services: {users: {timeot: 3}}\n", [1]),
        ("services:\n  users:\n    timeot: 3\n  a: {retry: 3}\n", [3, 4]),
        ("defaults:\n  timeout: 0\nservices:\n  users: {}\n", [2]),
        (
            (
                "defaults:\n  breaker: {max_break_duration: 6s}\n"
                "services:\n  users:\n    breaker:\n      break_duration: 7s\n"
            ),
            [5],
        ),
        ("environments:\n  a:\n    services:\n      users: {timeot: 3}\n", [4]),
        ("environments:\n  a: {timeot: 3}\n  b:\n    naem: x\n", [2, 4]),
        ("services:\n  Users: []\n  users: []\n", [3]),
        ("services:\n  users: ['http://a',\n   'b']\n", [3]),
    ],
)
def test_error_of_a_file_begins_with_file_and_line(
    text: str, numbers: list[int], tmp_path: Path
) -> None:
    """Each of several, and an editor can follow it."""
    path = tmp_path / "mesh.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, environ={})

    told = [each for each in str(caught.value).splitlines() if each.startswith(f"{path}:")]
    assert numbers == [int(each.removeprefix(f"{path}:").partition(": ")[0]) for each in told]
    assert caught.value.path


def test_error_of_a_variable_does_not_blame_the_file(tmp_path: Path) -> None:
    """What an environment variable says wrong is no line of the file."""
    path = tmp_path / "mesh.yaml"
    path.write_text("name: x")
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, environ={"MESHLIB_SERVICE_USERS": "http://a;b"})

    assert caught.value.path == "MESHLIB_SERVICE_USERS"
    assert str(path) not in str(caught.value)
