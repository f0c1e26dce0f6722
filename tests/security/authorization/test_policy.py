"""Who may call whom."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.security.authorization import AuthorizationOptions, Policy

SPIFFE = "spiffe://prod.example/ns/shop/sa/orders"
CALLERS: dict[str, tuple[Any, set[str]]] = {
    # The caller, and the patterns that mean it.
    "none": (None, set()),
    "unverified": ("", set()),
    "nobody of several": (("", ""), set()),
    "DNS": ("Orders.example", {"*", "orders.example", "*.example"}),
    "SPIFFE": (SPIFFE, {"*", SPIFFE, "spiffe://prod.example/*"}),
    "same trust domain": ("spiffe://prod.example/other", {"*", "spiffe://prod.example/*"}),
    "trust domain that begins so": ("spiffe://prod.example.evil/x", {"*"}),
    "SPIFFE that ends like DNS": ("spiffe://evil/x.example", {"*"}),
    "DNS and SPIFFE": (
        (SPIFFE, "orders.example"),
        {"*", SPIFFE, "spiffe://prod.example/*", "orders.example", "*.example"},
    ),
}
CALLER_PATTERNS = ("*", "orders.example", "*.example", SPIFFE, "spiffe://prod.example/*")
PATHS: dict[str, tuple[set[str], set[str]]] = {
    # Patterns that take it: strictly, and with or without a slash at the end.
    "/users": ({"/users", "/users*", "*sers", "*"}, {"/users/*", "/users/{**}"}),
    "/users/": ({"/users*", "/users/*", "/users/{**}", "*"}, {"/users", "*sers"}),
    "/users/7": ({"/users*", "/users/*", "/users/{*}", "/users/{**}", "*"}, set()),
    "/users/7/a": ({"/users*", "/users/*", "/users/{**}", "*"}, set()),
    "/%75sers": ({"/users", "/users*", "*sers", "*"}, {"/users/*", "/users/{**}"}),
    "/users?next=/admin": ({"/users", "/users*", "*sers", "*"}, {"/users/*", "/users/{**}"}),
    "/users-admin": ({"/users*", "*"}, set()),
    "/USERS": ({"*"}, set()),
    "/admin": ({"*"}, set()),
}
PATH_PATTERNS = ("/users", "/users*", "/users/*", "/users/{*}", "/users/{**}", "*sers", "*")
AMBIGUOUS = ("/users/../admin", "/admin/../users", "//users", "/users%2f7", "/users/%2e%2e/admin")


def policy(*rules: Mapping[str, Any], **options: Any) -> Policy:
    """A policy of these rules."""
    return Policy(AuthorizationOptions.model_validate({"rules": rules, **options}))


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
@pytest.mark.parametrize("default", [None, "allow", "deny"])
@pytest.mark.parametrize("action", ["allow", "deny"])
@pytest.mark.parametrize("caller", CALLERS)
def test_every_combination_is_decided_by_the_table(
    caller: str, action: str, default: str | None, mode: str
) -> None:
    """Caller × method × path × default × mode: what the tables above say is what is decided."""
    who, means = CALLERS[caller]
    for pattern, method, wanted in itertools.product(
        (None, *CALLER_PATTERNS), (None, "GET"), (None, *PATH_PATTERNS)
    ):
        said = {"callers": pattern, "methods": method, "path": wanted}
        asked = policy({"name": "r", "action": action, **said}, default=default, mode=mode)
        for (path, (strict, loose)), used in itertools.product(PATHS.items(), ("GET", "POST")):
            takes = (
                (pattern is None or pattern in means)
                and method in (None, used)
                and (wanted is None or wanted in strict or (action == "deny" and wanted in loose))
            )
            by_default = default == "allow" or (default is None and action == "deny")
            allowed = action == "allow" if takes else by_default
            decision = asked.decide(who, "users", used, path)
            judged = decision.shadow if mode == "shadow" else decision
            assert judged is not None
            assert (judged.allowed, judged.rule) == (allowed, "r" if takes else ""), (said, path)
            assert decision.allowed is (mode == "shadow" or allowed)


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_an_ambiguous_path_is_refused_although_a_rule_allows_it(path: str) -> None:
    """Whoever serves it may read it otherwise; the reason says so, in shadow as well."""
    decision = policy({"name": "all"}).decide("a", "users", "GET", path)
    assert not decision.allowed
    assert decision.reason.startswith("the path is ambiguous: ")
    shadow = policy({"name": "all"}, mode="shadow").decide("a", "users", "GET", path)
    assert shadow.allowed
    assert shadow.differs


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/users/../users/7", True),
        ("//users/7", False),
        ("/users//7", True),
        ("/users/../admin", False),
        ("/admin/../users/7", False),
        ("/users%2f7", True),
        ("/users%2f..%2fadmin", False),
        ("/users/%252e%252e/admin", False),
        ("/users\\..\\admin", False),
    ],
)
def test_every_reading_has_to_be_allowed_where_ambiguous_paths_may_pass(
    path: str, allowed: bool
) -> None:
    """One reading that no rule allows is enough for a refusal."""
    asked = policy({"name": "users", "path": "/users/*"}, ambiguous_paths="every_reading")
    assert asked.decide("a", "users", "GET", path).allowed is allowed
    denying = policy(
        {"name": "no", "action": "deny", "path": "/admin*"}, ambiguous_paths="every_reading"
    )
    assert denying.decide("a", "users", "GET", path).allowed is ("admin" not in path)


def test_deny_comes_before_allow() -> None:
    """In whichever order they stand."""
    allow = {"name": "all"}
    deny = {"name": "no deletes", "action": "deny", "methods": "DELETE"}
    for rules in ((allow, deny), (deny, allow)):
        asked = policy(*rules)
        assert asked.decide("a", "b", "DELETE", "/")[:2] == (False, "no deletes")
        assert asked.decide("a", "b", "GET", "/")[:2] == (True, "all")


def test_methods_are_strict_where_they_allow_and_loose_where_they_refuse() -> None:
    """A server may treat `delete` as DELETE, or not."""
    allow = policy({"name": "r", "methods": ["get"]})
    assert allow.decide("a", "b", "GET", "/").allowed
    assert not allow.decide("a", "b", "get", "/").allowed
    deny = policy({"name": "r", "action": "deny", "methods": "DELETE"})
    assert not deny.decide("a", "b", "delete", "/").allowed
    but = policy({"name": "r", "not_methods": "DELETE"})
    assert not but.decide("a", "b", "delete", "/").allowed
    assert but.decide("a", "b", "GET", "/").allowed
    only = policy({"name": "r", "action": "deny", "not_methods": "GET"})
    assert only.decide("a", "b", "GET", "/").allowed
    assert not only.decide("a", "b", "get", "/").allowed


def test_exceptions_of_paths_and_callers() -> None:
    """`not_path` takes paths away, `not_callers: *` leaves who is not verified."""
    allow = policy({"name": "r", "path": "*", "not_path": "/admin"})
    assert allow.decide("a", "b", "GET", "/x").allowed
    assert not allow.decide("a", "b", "GET", "/admin").allowed
    assert not allow.decide("a", "b", "GET", "/admin/").allowed
    deny = policy({"name": "r", "action": "deny", "not_path": "/health"})
    assert deny.decide("a", "b", "GET", "/health").allowed
    assert not deny.decide("a", "b", "GET", "/health/").allowed
    verified = policy({"name": "strangers", "action": "deny", "not_callers": "*"})
    assert not verified.decide(None, "b", "GET", "/").allowed
    assert verified.decide("a", "b", "GET", "/").allowed


def test_services_are_compared_without_regard_to_case() -> None:
    """A host is."""
    asked = policy({"name": "r", "services": ["Users", "pay*"]})
    assert asked.decide("a", "USERS", "GET", "/").allowed
    assert asked.decide("a", "payments", "GET", "/").allowed
    assert not asked.decide("a", "orders", "GET", "/").allowed


def test_all_values_of_a_header_have_to_be_allowed_and_one_is_enough_to_deny() -> None:
    """A second value of the same name is no way around."""
    good, bad = (b"x-scope", b"read"), (b"x-scope", b"write")
    allow = policy({"name": "r", "headers": {"X-Scope": "read"}})
    assert allow.decide("a", "b", "GET", "/", [good]).allowed
    assert not allow.decide("a", "b", "GET", "/", [good, bad]).allowed
    assert not allow.decide("a", "b", "GET", "/", []).allowed
    deny = policy({"name": "r", "action": "deny", "headers": {"x-scope": ["write", "ad*"]}})
    assert not deny.decide("a", "b", "GET", "/", [good, bad]).allowed
    assert deny.decide("a", "b", "GET", "/", [good]).allowed


def test_paths_without_regard_to_case() -> None:
    """For services that do so themselves."""
    asked = policy({"name": "r", "action": "deny", "path": "/Admin/{*}"}, ignore_case=True)
    assert not asked.decide("a", "b", "GET", "/ADMIN/x").allowed


def test_a_rule_in_shadow_is_recorded_and_changes_nothing() -> None:
    """Also not the default, which an allow rule would make deny."""
    asked = policy({"name": "trial", "shadow": True, "callers": "orders"})
    decision = asked.decide("evil", "b", "GET", "/")
    assert decision.differs
    assert tuple(decision) == (True, "", "no rule denies it", (False, "", "no rule allows it"))
    assert str(decision) == (
        "allowed: no rule denies it (in shadow: would deny: no rule allows it)"
    )
    same = asked.decide("orders", "b", "GET", "/")
    assert not same.differs
    assert str(same) == "allowed: no rule denies it"
    denied = policy({"name": "yes", "shadow": True}, default="deny").decide("a", "b", "GET", "/")
    assert str(denied) == (
        "denied: no rule allows it (in shadow: would allow: the rule 'yes' allows it)"
    )


def test_a_policy_shows_its_size() -> None:
    """And no more."""
    assert repr(policy({"name": "r"})) == "<Policy of 1 rules, enforce>"


@pytest.mark.parametrize(
    ("rule", "place", "message"),
    [
        ({"callers": []}, "rules[1].callers", "at least 1 item"),
        ({"callers": ["a", "a*b"]}, "rules[1].callers[1]", "at its beginning or its end"),
        ({"callers": "**"}, "rules[1].callers[0]", "at its beginning or its end"),
        ({"callers": "spiffe://prod*"}, "rules[1].callers[0]", "end it with /*"),
        ({"not_callers": ["x", ""]}, "rules[1].not_callers[1]", "no pattern"),
        ({"services": ["a*b"]}, "rules[1].services[0]", "no pattern"),
        ({"methods": "G ET"}, "rules[1].methods[0]", "no method"),
        ({"methods": "*"}, "rules[1].methods[0]", "no method"),
        ({"path": "users"}, "rules[1].path[0]", "begins with a slash"),
        ({"path": "/a/../b"}, "rules[1].path[0]", "dot segments"),
        ({"path": "/a%2fb"}, "rules[1].path[0]", "write it decoded"),
        ({"path": "/a?b"}, "rules[1].path[0]", "it has a query"),
        ({"path": "/{id}"}, "rules[1].path[0]", "stand for whole segments"),
        ({"path": "/a{*}"}, "rules[1].path[0]", "stand for whole segments"),
        ({"path": "/{**}/{**}"}, "rules[1].path[0]", "once"),
        ({"path": "/{*}/x*"}, "rules[1].path[0]", "no template"),
        ({"path": "/a}"}, "rules[1].path[0]", "no template"),
        ({"not_path": ["/ok", "no"]}, "rules[1].not_path[1]", "begins with a slash"),
        ({"headers": {"a b": "x"}}, "rules[1].headers.a b", "name of a header"),
        ({"headers": {"a": None}}, "rules[1].headers.a", "what its value"),
        ({"headers": {"a": "b*c"}}, "rules[1].headers.a", "no pattern"),
        ({"name": "first"}, "rules[1].name", "two rules"),
        ({"action": "audit"}, "rules[1].action", "known are allow, deny"),
        ({"caller": "a"}, "rules[1].caller", "did you mean 'callers'"),
    ],
)
def test_what_is_invalid_is_named_with_its_place(
    rule: dict[str, Any], place: str, message: str
) -> None:
    """An error leads to the rule and to its part."""
    rules = [{"name": "first"}, {"name": "second", **rule}]
    with pytest.raises(ConfigurationError) as caught:
        AuthorizationOptions.model_validate({"rules": rules})
    assert caught.value.path == place
    assert message in str(caught.value)


TEXTS = st.sampled_from(["a", "b", "a*", "*b", "*", "spiffe://t/*", "spiffe://t/a", "a/b"])
CALLED = st.sampled_from(["a", "b", "ab", "spiffe://t/a", "spiffe://tt/a", "a/b", "", None])
ROUTES = st.sampled_from(["/", "/a", "/a/", "/a/b", "/a*", "/a/*", "/{*}", "/a/{**}", "*b", "*"])
ASKED = st.sampled_from(["/", "/a", "/a/", "/a/b", "/A", "//a", "/b/../a", "/%61", "x"])


def some(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """A part of a rule: not said, or one or two texts."""
    return st.none() | st.lists(texts, min_size=1, max_size=2)


RULES = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["allow", "deny"]),
        "callers": some(TEXTS),
        "not_callers": some(TEXTS),
        "services": some(st.sampled_from(["s", "s*", "t"])),
        "methods": some(st.sampled_from(["GET", "PUT"])),
        "path": some(ROUTES),
        "not_path": some(ROUTES),
        "shadow": st.booleans(),
    }
)
OPTIONS = st.fixed_dictionaries(
    {
        "default": st.sampled_from([None, "allow", "deny"]),
        "ambiguous_paths": st.sampled_from(["refuse", "every_reading"]),
        "ignore_case": st.booleans(),
    }
)
QUESTIONS = st.tuples(CALLED, st.sampled_from(["s", "t"]), st.sampled_from(["GET", "get"]), ASKED)


def named(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules, each with a name of its own."""
    return [{"name": f"rule {n}", **rule} for n, rule in enumerate(rules)]


@given(st.lists(RULES, max_size=4), OPTIONS, RULES, QUESTIONS)
def test_another_deny_rule_never_allows_more(
    rules: list[dict[str, Any]], options: dict[str, Any], more: dict[str, Any], asked: Any
) -> None:
    """What was refused before is refused still."""
    before = policy(*named(rules), **options).decide(*asked)
    deny = {**more, "action": "deny"}
    after = policy(*named([*rules, deny]), **options).decide(*asked)
    assert before.allowed or not after.allowed


@given(st.lists(RULES, max_size=4), OPTIONS, QUESTIONS)
def test_nothing_is_granted_that_no_rule_allows(
    rules: list[dict[str, Any]], options: dict[str, Any], asked: Any
) -> None:
    """Where the default is deny, what goes on has an allow rule, that takes it by itself."""
    options["default"] = "deny"
    decision = policy(*named(rules), **options).decide(*asked)
    if decision.allowed:
        rule = next(each for each in named(rules) if each["name"] == decision.rule)
        assert rule["action"] == "allow"
        assert not rule["shadow"]
        assert policy(rule, **options).decide(*asked).allowed


@given(st.text(), st.text(), st.text(), st.text(), st.booleans())
def test_any_text_is_decided_upon(
    caller: str, service: str, method: str, path: str, decoded: bool
) -> None:
    """Whatever comes, nothing is raised, and under default deny nothing is granted."""
    asked = policy({"name": "r", "callers": "only-me", "path": "/x/{**}"}, default="deny")
    headers = [(b"\xff", b"\x00")]
    decision = asked.decide((caller, ""), service, method, path, headers, decoded=decoded)
    assert decision.allowed is False or caller.lower() == "only-me"
