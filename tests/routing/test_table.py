"""Routes in order: the first that matches is followed."""

from __future__ import annotations

import pytest

from meshlib.routing import RouteOptions, RouteTable
from support.routes import call, routes, table

THREE = """
- name: admin
  match: {path: {path_prefix: /admin}, headers: {x-role: {exact: admin}}}
  deny: only inside
- name: reads
  match:
    - {method: GET, path: {prefix: /users}}
    - {method: HEAD}
  subset: {version: v2}
- match: {method: DELETE, percentage: 10}
- match: {path: /last}
  service: archive
"""


@pytest.mark.parametrize(
    ("method", "path", "name", "index"),
    [
        ("GET", "/users/1", "reads", 1),
        ("HEAD", "/other", "reads", 1),
        ("POST", "/last", "routes[3]", 3),
    ],
)
def test_first_match_is_followed(method: str, path: str, name: str, index: int) -> None:
    """Order decides, and any alternative will do."""
    route = table(THREE).match(call(path, method=method))
    assert route is not None
    assert (name, index) == (route.name, route.index)
    assert f"<Route {name}>" == repr(route)


def test_earlier_route_wins() -> None:
    """A route that fits as well, further down, is never asked."""
    document = "[{name: a, match: {path: {prefix: /}}}, {name: b, match: {path: /users}}]"
    route = table(document).match(call())
    assert route is not None
    assert "a" == route.name


def test_none_matches() -> None:
    """A call that no route takes goes where it was aimed."""
    assert table(THREE).match(call("/x", method="POST")) is None


def test_empty_table_is_false() -> None:
    """Whoever has no routes need not ask."""
    empty = RouteTable()
    assert not empty
    assert empty.match(call()) is None
    assert table(THREE)


def test_alternatives_share_split_and_differ_in_path() -> None:
    """One rule shifts weights once, and each alternative rewrites what it has matched."""
    both = table("""
    - name: r
      match: [{path: {path_prefix: /a}}, {path: {path_prefix: /b/c}}]
      rewrite: {prefix: /new}
    """)
    first, second = both.match(call("/a/1")), both.match(call("/b/c/1"))
    assert first is not None
    assert second is not None
    assert first.split is second.split is both.splits["r"]
    assert b"/new/1?q=1" == first.rewrite(b"/a/1?q=1")
    assert b"/new/1?q=1" == second.rewrite(b"/b/c/1?q=1")


def test_route_without_destination_means_every_endpoint() -> None:
    """It changes what it says, and sends calls where they were aimed."""
    route = table("[{timeout: 1s, idempotent: true}]").match(call())
    assert route is not None
    assert route.split is not None
    destination = route.split.choose(call())
    assert (None, {}, "none") == (destination.service, destination.selector, destination.fallback)
    assert (1.0, True) == (route.options.timeout, route.options.idempotent)
    assert (None, None) == (route.authority, route.deny)
    assert route.answer("http", "users", b"/") is None
    assert b"/users?a=1" == route.rewrite(b"/users?a=1")


def test_route_to_another_service() -> None:
    """The destination names it, and the Host header may be another."""
    document = "[{service: archive, subset: {tier: gold}, rewrite: {authority: 'old.example:81'}}]"
    route = table(document).match(call())
    assert route is not None
    assert route.split is not None
    destination = route.split.choose(call())
    assert ("archive", {"tier": ("gold",)}) == (destination.service, destination.selector)
    assert "archive/gold" == destination.name
    assert "old.example:81" == route.authority
    assert b"/users" == route.rewrite(b"/users")


def test_denied_route_says_so() -> None:
    """There is nowhere to go, and a reason."""
    route = table(THREE).match(call("/admin/x", headers={"x-role": "admin"}))
    assert route is not None
    assert route.deny is not None
    assert (403, "only inside") == (route.deny.status, route.deny.reason)
    assert route.split is None
    assert "admin" not in table(THREE).splits


def test_explain_tells_why_each_earlier_route_is_not_it() -> None:
    """Each rule that was passed over is named, with what was not true for each alternative."""
    info = call("/last", method="POST", headers={"x-role": "secret"})
    found = table(THREE).explain(info)
    assert found.route is not None
    assert "routes[3]" == found.route.name
    assert (
        ("admin", "path /last is not /admin/..."),
        ("reads", "method POST is not GET; method POST is not HEAD"),
        ("routes[2]", "method POST is not DELETE"),
    ) == found.skipped


def test_explain_never_tells_values() -> None:
    """A token in a header is not printed."""
    found = table(THREE).explain(call("/admin", method="POST", headers={"x-role": "s3cr3t"}))
    assert found.route is None
    assert ("admin", "header x-role has another value, not 'admin'") == found.skipped[0]
    assert "s3cr3t" not in str(found)


def test_explain_leaves_out_other_alternatives_of_the_route() -> None:
    """A rule that is followed is not passed over."""
    found = table(THREE).explain(call("/x", method="HEAD"))
    assert found.route is not None
    assert ["admin"] == [name for name, _ in found.skipped]


def test_percentage_with_a_key_takes_the_same_users() -> None:
    """Who is in at 10 % is in at 20 %, and no chance is needed."""
    document = "[{name: r, key: user, match: {percentage: %d}}]"
    users = [f"u{number}" for number in range(2000)]

    def taken(percentage: int) -> set[str]:
        some = table(document % percentage)
        return {user for user in users if some.match(call(headers={"x-user-id": user}))}

    ten, twenty = taken(10), taken(20)
    assert ten < twenty
    assert 0.08 * 2000 < len(ten) < 0.12 * 2000
    assert 0.17 * 2000 < len(twenty) < 0.23 * 2000


def test_percentage_with_a_key_draws_for_who_has_none() -> None:
    """A call without the key is like any other draw."""
    some = table("[{key: user, match: {percentage: 10}}]")
    assert some.match(call(draws=(0.05,))) is not None
    assert some.match(call(draws=(0.5,))) is None


def test_percentage_is_a_fair_sample_of_the_split() -> None:
    """Those whom a percentage lets in are shared out like all others."""
    some = table("""
    - name: r
      key: user
      match: {percentage: 20}
      split: [{subset: {v: a}, weight: 50}, {subset: {v: b}, weight: 50}]
    """)
    names = []
    for number in range(10_000):
        info = call(headers={"x-user-id": f"u{number}"})
        route = some.match(info)
        if route is not None and route.split is not None:
            names.append(route.split.choose(info).name)
    assert 1800 < len(names) < 2200
    assert 0.45 < names.count("a") / len(names) < 0.55


def test_names_of_routes_are_their_places() -> None:
    """A route without a name is called by where it stands."""
    plain = RouteTable([RouteOptions(), *routes("[{name: x}]")])
    assert ["routes[0]", "x"] == [route.name for route in plain.routes]
