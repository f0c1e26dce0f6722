"""Rules that never decide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.security.authorization import AuthorizationOptions, Policy, unreachable_rules


def found(*rules: dict[str, Any], **options: Any) -> list[tuple[int, str]]:
    """What is found in these rules, which are named by their index."""
    named = [{"name": str(n), **rule} for n, rule in enumerate(rules)]
    return list(unreachable_rules(AuthorizationOptions(rules=named, **options)))


@pytest.mark.parametrize(
    ("rules", "index", "reason"),
    [
        ([{"callers": "a"}, {"callers": "a", "methods": "GET"}], 1, "the rule '0' takes all"),
        ([{"callers": "a", "methods": "GET"}, {"callers": "a"}], 0, "the rule '1' takes all"),
        ([{"path": "/a"}, {"path": "/a"}], 1, "the rule '0' takes all"),
        ([{"path": "/a*"}, {"path": "/a/{*}"}], 1, "the rule '0' takes all"),
        ([{"path": "/a*"}, {"path": "/a/b*"}], 1, "the rule '0' takes all"),
        ([{"callers": "*.b"}, {"callers": "*.a.b"}], 1, "the rule '0' takes all"),
        ([{"action": "deny"}, {"callers": "a"}], 1, "denies all that it allows"),
        ([{"callers": "a"}, {"action": "deny", "callers": "*"}], 0, "denies all that it allows"),
        ([{"callers": "a", "not_callers": ["*"]}], 0, "takes away all of callers"),
        ([{"path": "/a/b", "not_path": "/a/*"}], 0, "takes away all of path"),
        ([{"methods": "GET", "not_methods": "GET"}], 0, "takes away all of methods"),
        (
            [{"not_path": "/a", "callers": "x"}, {"not_path": "/a", "callers": "x"}],
            1,
            "the rule '0' takes all",
        ),
    ],
)
def test_a_rule_that_never_decides_is_found(
    rules: list[dict[str, Any]], index: int, reason: str
) -> None:
    """And only that one, with the reason."""
    (only,) = found(*rules)
    assert only[0] == index
    assert reason in only[1]


@pytest.mark.parametrize(
    "rules",
    [
        [{"callers": "a"}, {"callers": "b"}],
        [{"callers": "a", "methods": "GET"}, {"callers": "a", "methods": "PUT"}],
        [{"methods": "GET"}, {"callers": "a"}],
        [{"callers": "a"}, {"action": "deny", "path": "/x"}],
        [{"callers": "a", "headers": {"x": "1"}}, {"callers": "a"}][:1],
        [{"shadow": True}, {"callers": "a"}],
        [{"path": "/a/{*}"}, {"path": "/a/*"}][:1],
        [{"path": "*b"}, {"path": "/a/{*}"}],
        [{"not_path": "/a"}, {"callers": "x"}],
    ],
)
def test_rules_that_decide_are_left_alone(rules: list[dict[str, Any]]) -> None:
    """What others do not cover is no finding."""
    assert found(*rules) == []


def test_an_allow_rule_under_default_allow_says_nothing() -> None:
    """What is not denied is allowed anyway."""
    assert found({"callers": "a"}, default="allow") == [
        (0, "what no rule denies is allowed by default")
    ]


TEXT = st.sampled_from(["a", "a*", "*a", "*", "b", "*ba", "ab*"])
PATH = st.sampled_from(["/a", "/a*", "/a/*", "/{*}", "/a/{**}", "*a", "*"])
SOME = st.none() | st.lists(TEXT, min_size=1, max_size=2)
RULE = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["allow", "deny"]),
        "callers": SOME,
        "not_callers": SOME,
        "methods": st.none() | st.lists(st.sampled_from(["GET", "PUT"]), min_size=1, max_size=2),
        "path": st.none() | st.lists(PATH, min_size=1, max_size=2),
        "headers": st.sampled_from([{}, {"x": ["1"]}]),
    }
)


@given(
    st.lists(RULE, min_size=1, max_size=3),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["a", "b", "ab", "ba", "aba", None]),
    st.sampled_from(["GET", "PUT", "POST"]),
    st.sampled_from(["/", "/a", "/a/", "/a/a", "/b"]),
    st.sampled_from([(), ((b"x", b"1"),)]),
)
def test_taking_such_a_rule_away_changes_no_decision(
    rules: list[dict[str, Any]], default: str, caller: Any, method: str, path: str, headers: Any
) -> None:
    """The finding is right: the policy without it allows and refuses the same."""
    whole = [{"name": str(n), **rule} for n, rule in enumerate(rules)]
    for index, _ in found(*rules, default=default):
        less = [rule for n, rule in enumerate(whole) if n != index]
        one, two = (
            Policy(AuthorizationOptions(rules=each, default=default)) for each in (whole, less)
        )
        asked = caller, "s", method, path, headers
        assert one.decide(*asked).allowed is two.decide(*asked).allowed
