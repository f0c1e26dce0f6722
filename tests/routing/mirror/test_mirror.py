"""Mirrors: their options, what a copy says, where it is not sent, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.routing import RouteOptions
from meshlib.routing.mirror import (
    CompareOptions,
    Mirror,
    MirrorCounts,
    MirrorOptions,
    Rest,
    make_mirrors,
    shadow_host,
)


def mirror(**options: Any) -> Mirror:
    """A mirror to the service `next`."""
    return Mirror(MirrorOptions.model_validate({"service": "next", **options}))


def triple(name: str, value: str) -> tuple[bytes, bytes, bytes]:
    """A header as the transport has it."""
    return name.encode(), name.lower().encode(), value.encode()


@pytest.mark.parametrize(
    ("said", "titles"),
    [
        (None, []),
        (False, []),
        ({"service": "next"}, ["next"]),
        ([{"service": "next"}, {"subset": {"version": "v2"}}], ["next", "v2"]),
        ({"service": "next", "subset": {"version": ["v2", "v3"]}}, ["next/v2,v3"]),
        ({"name": "try out", "service": "next"}, ["try out"]),
        ({"subset": {"version": "ü"}}, ["?"]),
    ],
)
def test_route_has_mirrors(said: Any, titles: list[str]) -> None:
    """One mirror or a list; each has a name that a header can hold."""
    route = RouteOptions.model_validate({"mirror": said})
    assert titles == [each.title for each in route.mirror]


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"percentage": 10}, "mirror[0]"),
        ({"service": "next", "percentage": 101}, "mirror[0].percentage"),
        ({"service": "next", "name": "übung"}, "mirror[0].name"),
        ({"service": "next", "authority": "a b"}, "mirror[0].authority"),
        ({"service": "next", "headers": {"set": {"host": "a"}}}, "mirror[0].headers.set"),
        ({"service": "next", "compare": {"status": False}}, "mirror[0].compare"),
        ({"service": "next", "compare": {"ignore": "/a"}}, "mirror[0].compare.ignore"),
        ({"service": "next", "compare": {"json": True, "ignore": "a"}}, "mirror[0].compare.ignore"),
        ({"service": "next", "compare": {"tolerance": 0.1}}, "mirror[0].compare.tolerance"),
        ([{"service": "next"}, {"service": "next"}], "mirror[1].name"),
    ],
)
def test_wrong_mirror_is_refused(said: Any, path: str) -> None:
    """The error names the place."""
    with pytest.raises(ConfigurationError) as error:
        RouteOptions.model_validate({"mirror": said})
    assert path == error.value.path


def test_answering_route_has_no_mirror() -> None:
    """No endpoint answers, so there is nothing to copy."""
    with pytest.raises(ConfigurationError, match="has no effect") as error:
        RouteOptions.model_validate({"deny": True, "mirror": {"service": "next"}})
    assert "mirror" == error.value.path


def test_comparison_is_switched() -> None:
    """True compares the status alone, false nothing."""
    assert CompareOptions() == mirror(compare=True).options.compare
    assert mirror(compare=True).comparer is not None
    assert mirror(compare=False).comparer is None
    compare = CompareOptions.model_validate({"headers": ["ETag", "etag"], "json": True})
    assert ("etag",) == compare.headers
    options = CompareOptions.model_validate({"json": True, "unordered": True, "ignore": False})
    assert (("/**",), ()) == (options.unordered, options.ignore)


def test_mirror_of_no_call_is_none() -> None:
    """At 0 % nothing is drawn."""
    options = [MirrorOptions(service="next", percentage=share) for share in (0, 25)]
    assert [0.25] == [each.share for each in make_mirrors(options)]
    assert "<Mirror next>" == repr(mirror())


@pytest.mark.parametrize(
    ("host", "shadow"),
    [
        (b"users", b"users-shadow"),
        (b"users.example:8080", b"users.example-shadow:8080"),
        (b"10.0.0.1:80", b"10.0.0.1-shadow:80"),
        (b"[::1]", b"[::1]-shadow"),
        (b"[::1]:8080", b"[::1]-shadow:8080"),
    ],
)
def test_suffix_goes_before_the_port(host: bytes, shadow: bytes) -> None:
    """As Envoy's shadow writer does it."""
    assert shadow == shadow_host(host)
    assert shadow == mirror().host(host)
    assert host == mirror(shadow_host=False).host(host)
    assert b"elsewhere:1" == mirror(authority="elsewhere:1").host(host)


def test_copy_says_whose_it_is() -> None:
    """Its headers are those of the call, changed, with the name of the mirror."""
    headers = [triple("A", "1"), triple("x-meshlib-mirror", "outer"), triple("B", "2")]
    plain = mirror(name="try").headers(headers)
    assert [headers[0], headers[2], triple("x-meshlib-mirror", "try")] == plain
    changed = mirror(headers={"remove": "a", "set": {"b": "3"}}).headers(headers)
    assert [triple("b", "3"), triple("x-meshlib-mirror", "next")] == changed


def test_rest_begins_after_refusals_in_a_row() -> None:
    """The third begins it, each further one doubles it, up to 8 s."""
    rest = Rest()
    assert [False, False, True] == [rest.refused(10.0) for _ in range(3)]
    assert 10.25 == rest.until
    assert not rest.refused(10.2)  # was on its way when the rest began
    assert rest.in_doubt
    lengths = []
    for _ in range(7):
        now = rest.until
        assert rest.refused(now)
        lengths.append(rest.until - now)
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0] == lengths


def test_rest_ends_when_somebody_is_reached() -> None:
    """Then refusals are counted anew."""
    rest = Rest()
    for _ in range(3):
        rest.refused(10.0)
    rest.reached()
    assert (0.0, False) == (rest.until, rest.in_doubt)
    assert [False, False, True] == [rest.refused(11.0) for _ in range(3)]
    assert 11.25 == rest.until


def test_counts_are_added_up() -> None:
    """Sums are new, and know every reason."""
    one = MirrorCounts(offered=5, sent=2, failed=1, compared=1, different=1)
    one.drop("full", 2)
    one.drop("body")
    one.drop("closing", 0)
    other = MirrorCounts(offered=1, dropped={"full": 1})
    assert {"full": 2, "body": 1} == one.dropped
    assert MirrorCounts(6, 2, 1, 1, 1, {"full": 3, "body": 1}) == one.plus(other)
    copy = one.snapshot()
    one.drop("full")
    assert {"full": 2, "body": 1} == copy.dropped
