"""What may be said of routes, and how errors name the place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from meshlib import ConfigurationError
from meshlib.routing import AffinityOptions, KeyOptions, RouteOptions, Routes
from meshlib.routing._template import compile_template, parse_template

ROUTES = TypeAdapter(Routes)


def problem(route: Any) -> tuple[str, str]:
    """The place and message of the only thing that is wrong with a route."""
    with pytest.raises(ConfigurationError) as caught:
        RouteOptions.model_validate(route)
    error = caught.value
    return error.path, str(error).removeprefix(f"{error.path}: ")


@pytest.mark.parametrize(
    ("route", "place", "message"),
    [
        ({"paths": 1}, "paths", "unknown key"),
        ({"match": {"pth": 1}}, "match[0].pth", "unknown key"),
        ({"match": None}, "match[0]", "settings are needed here, not"),
        ({"match": {"path": "users"}}, "match[0].path.exact", "'users' is no path"),
        ({"match": {"path": {"prefix": "/a?b"}}}, "match[0].path.prefix", "'/a?b' is more than"),
        ({"match": {"path": {"exact": "/a#b"}}}, "match[0].path.exact", "'/a#b' is more than"),
        ({"match": {"path": {}}}, "match[0].path", "give one of exact, prefix, path_prefix"),
        ({"match": {"path": {"exact": "/", "prefix": "/"}}}, "match[0].path", "give one of"),
        ({"match": {"path": {"regex": "("}}}, "match[0].path.regex", "'(' is no regular"),
        (
            {"match": {"path": {"regex": "/", "ignore_case": True}}},
            "match[0].path",
            "ignore_case does not go with regex",
        ),
        ({"match": {"path": "/{a"}}, "match[0].path.template", "'/{a' has a brace"),
        ({"match": {"path": "/{a b}"}}, "match[0].path.template", "{a b} is no variable"),
        ({"match": {"path": "/{}"}}, "match[0].path.template", "{} is no variable"),
        ({"match": {"path": "/{a=**}/b"}}, "match[0].path.template", "{a=**} is no variable"),
        ({"match": {"path": "/{a}/{a}"}}, "match[0].path.template", "{a} stands there twice"),
        ({"match": {"path": "/{a}{b}"}}, "match[0].path.template", "'/{a}{b}' has two variables"),
        ({"match": [{}, {"headers": {"x": {"a": 1}}}]}, "match[1].headers.x.a", "unknown key"),
        ({"match": {"headers": {"a b": {}}}}, "match[0].headers", "'a b' cannot be the name"),
        ({"match": {"without_headers": {"": {}}}}, "match[0].without_headers", "'' cannot be"),
        (
            {"match": {"query": {"q": {"exact": "a", "prefix": "a"}}}},
            "match[0].query.q",
            "give one of exact, prefix, regex and present",
        ),
        ({"match": {"cookies": {"c": {"regex": "["}}}}, "match[0].cookies.c.regex", "'[' is no"),
        ({"match": {"percentage": 101}}, "match[0].percentage", "must be less"),
        ({"match": {"caller": "a", "source": "b"}}, "match[0]", "caller and source mean the same"),
        ({"match": {"method": 1}}, "match[0].method[0]", "must be a valid string"),
        ({"split": []}, "split", "name at least one destination"),
        ({"split": [{"weight": -1}]}, "split[0].weight", "must be greater"),
        ({"split": [{"weight": 0}]}, "split", "the weights sum to 0"),
        ({"split": [{"weight": 0, "name": "a"}, {"weight": 0}]}, "split", "the weights sum"),
        ({"split": [{}], "subset": {"a": "b"}}, "", "give split, or subset and service"),
        ({"split": [{}], "service": "a"}, "", "give split, or subset and service"),
        (
            {"split": [{"subset": {"v": "1"}}, {"subset": {"w": "1"}}]},
            "split[1].name",
            "'1' is the name of another destination; give each its own",
        ),
        ({"subset": {"v": 1.1}}, "subset.v", "metadata is text, not 1.1; put it in quotes"),
        ({"subset": {"v": []}}, "subset.v", "name at least one value"),
        ({"subset": "v2"}, "subset", "settings are needed here, not"),
        (
            {"split": [{"subset_fallback": "default"}]},
            "split[0]",
            "default_subset goes with subset_fallback: default",
        ),
        ({"split": [{"default_subset": {"v": "1"}}]}, "split[0]", "default_subset goes with"),
        (
            {"split": [{"name": "a"}], "variants": {"b": {"query": {"q": "1"}}}},
            "variants.b",
            "no destination of the split has this name; there are: a",
        ),
        (
            {"variants": {"b": {"cookies": {"q": "1"}}}},
            "variants.b",
            "no destination of the split has this name; there is no split",
        ),
        ({"variants": {"b": {}}}, "variants.b", "give headers, cookies or query"),
        ({"variants": {"b": {"headers": {" ": "1"}}}}, "variants.b.headers", "' ' cannot be"),
        ({"key": {}}, "key", "give one of header, cookie, query, client_ip, tenant"),
        ({"key": {"header": "a", "cookie": "b"}}, "key", "give one of header"),
        ({"key": {"header": "a b"}}, "key.header", "'a b' cannot be the name"),
        ({"key": "users"}, "key", "settings are needed here, not"),
        ({"retry": 3}, "retry", "settings are needed here, not 3"),
        ({"timeout": "soon"}, "timeout", "'soon' is not a duration"),
        ({"rewrite": {"path": "x"}}, "rewrite.path", "'x' is no path"),
        ({"rewrite": {"path": "/a b"}}, "rewrite.path", "'/a b' is no path"),
        ({"rewrite": {"path": "/a?b"}}, "rewrite.path", "'/a?b' is more than a path"),
        ({"rewrite": {"path": ""}}, "rewrite", "a path is at least a slash"),
        ({"rewrite": {"template": ""}}, "rewrite", "a path is at least a slash"),
        ({"rewrite": {"path": "/", "prefix": "/"}}, "rewrite", "give one of path, prefix"),
        ({"rewrite": {"authority": "a/b"}}, "rewrite.authority", "'a/b' cannot be a Host"),
        (
            {"rewrite": {"prefix": "/a"}},
            "rewrite.prefix",
            "replaces the prefix that matched",
        ),
        (
            {"match": [{"path": {"prefix": "/"}}, {}], "rewrite": {"prefix": "/a"}},
            "rewrite.prefix",
            "replaces the prefix that matched",
        ),
        (
            {"match": {"path": "/{a}"}, "redirect": {"template": "/{a}/{b}"}},
            "redirect.template",
            "{b} is not captured by the path of each match",
        ),
        ({"rewrite": {"template": "/{a}"}}, "rewrite.template", "{a} is not captured"),
        ({"rewrite": {"template": "/{a=**}"}}, "rewrite.template", "what is filled in is"),
        ({"rewrite": {"template": "/{"}}, "rewrite.template", "'/{' has a brace"),
        (
            {"rewrite": {"regex": {"match": "a", "rewrite": "\\1"}}},
            "rewrite.regex",
            "'\\\\1' does not fit the match",
        ),
        (
            {"rewrite": {"regex": {"match": "a", "rewrite": "\\g<x>"}}},
            "rewrite.regex",
            "'\\\\g<x>' does not fit the match",
        ),
        ({"rewrite": {"regex": {"match": "(", "rewrite": ""}}}, "rewrite.regex.match", "'(' is no"),
        ({"headers": {"request": {"set": {"Host": "a"}}}}, "headers.request.set", "host is"),
        ({"headers": {"request": {"set": {"a": "b\nc"}}}}, "headers.request.set", "'b\\nc' cannot"),
        (
            {"headers": {"response": {"remove": ["Content-Length"]}}},
            "headers.response.remove",
            "content-length belongs to the connection",
        ),
        ({"redirect": {}}, "redirect", "say where to"),
        ({"redirect": {"code": 302}}, "redirect", "say where to"),
        (
            {"redirect": {"code": 305, "path": "/"}},
            "redirect.code",
            "a redirect is one of (301, 302, 303, 307, 308), not 305",
        ),
        ({"redirect": {"port": 0}}, "redirect.port", "must be greater"),
        ({"redirect": {"scheme": "ftp"}}, "redirect.scheme", "'ftp' is not known; known are"),
        ({"redirect": {"authority": ""}}, "redirect.authority", "'' cannot be a Host"),
        ({"redirect": {"authority": "a:1", "port": 2}}, "redirect", "authority has a port"),
        ({"direct_response": {}}, "direct_response.status", "this is needed"),
        ({"direct_response": {"status": 99}}, "direct_response.status", "must be greater"),
        (
            {"direct_response": {"status": 200, "body": "", "json": 1}},
            "direct_response",
            "give one of body and json",
        ),
        (
            {"direct_response": {"status": 200, "json": float("nan")}},
            "direct_response",
            "Out of range float",
        ),
        (
            {"direct_response": {"status": 200, "headers": {"a": " b"}}},
            "direct_response.headers",
            "' b' cannot be the value",
        ),
        ({"deny": {"status": 200}}, "deny.status", "must be greater"),
        ({"deny": True, "redirect": {"path": "/"}}, "", "give one of redirect and deny"),
        (
            {"deny": True, "retry": False, "timeout": 1},
            "retry",
            "has no effect: deny answers without an endpoint",
        ),
        ({"redirect": {"path": "/"}, "rewrite": {"path": "/"}}, "rewrite", "has no effect"),
        ({"direct_response": {"status": 200}, "split": [{}]}, "split", "has no effect"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(route: Any, place: str, message: str) -> None:
    """Each mistake is refused where it stands, in words that say what to write."""
    found_place, found_message = problem(route)
    assert place == found_place
    assert found_message.startswith(message)


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ({"match": {}}, {"match": [{}]}),
        ({"match": {"method": "get"}}, {"match": [{"method": ["GET"]}]}),
        ({"match": {"caller": "a"}}, {"match": [{"caller": ["a"]}]}),
        ({"match": {"source": "a"}}, {"match": [{"caller": ["a"]}]}),
        ({"match": {"path": "/a"}}, {"match": [{"path": {"exact": "/a"}}]}),
        ({"match": {"path": "/{a}"}}, {"match": [{"path": {"template": "/{a}"}}]}),
        ({"match": {"headers": {"X": "a"}}}, {"match": [{"headers": {"x": {"exact": "a"}}}]}),
        ({"match": {"query": {"q": None}}}, {"match": [{"query": {"q": {"present": True}}}]}),
        ({"subset": {"v": "1"}}, {"subset": {"v": ["1"]}}),
        ({"key": "user"}, {"key": {"header": "X-User-Id"}}),
        ({"key": "tenant"}, {"key": {"tenant": True}}),
        ({"subset": {}}, {}),
        ({"deny": True}, {"deny": {"status": 403}}),
        ({"deny": "no"}, {"deny": {"reason": "no"}}),
        ({"deny": False}, {}),
        ({"timeout": "1m30s"}, {"timeout": 90}),
        (
            {"match": {"path": {"exact": "/a", "prefix": None, "template": None, "regex": None}}},
            {"match": {"path": "/a"}},
        ),
        (
            {"rewrite": {"path": "/a", "template": None, "authority": None}},
            {"rewrite": {"path": "/a"}},
        ),
        ({"key": {"cookie": "a", "header": None}}, {"key": {"cookie": "a"}}),
        (
            {"headers": {"request": {"remove": "X-A"}}},
            {"headers": {"request": {"remove": ["x-a"]}}},
        ),
    ],
)
def test_short_forms_mean_the_long_ones(short: Any, whole: Any) -> None:
    """A document may say the usual things in few words."""
    assert RouteOptions.model_validate(whole) == RouteOptions.model_validate(short)


def test_settings_of_other_families_pass_as_they_are() -> None:
    """They are not understood here, and the configuration checks them."""
    options = KeyOptions(client_ip=True)
    route = RouteOptions.model_validate(
        {"retry": {"max_attempts": 2}, "hedge": False, "breaker": options, "fault": None}
    )
    assert {"max_attempts": 2} == route.retry
    assert route.hedge is False
    assert route.breaker is options
    assert route.fault is None


@pytest.mark.parametrize(
    ("destination", "title"),
    [
        ({}, "default"),
        ({"name": "x", "service": "s"}, "x"),
        ({"service": "s"}, "s"),
        ({"subset": {"version": ["v1", "v2"], "zone": "a"}}, "v1,v2,a"),
        ({"service": "s", "subset": {"version": "v1"}}, "s/v1"),
    ],
)
def test_destination_without_a_name_is_named_after_what_it_means(
    destination: Any, title: str
) -> None:
    """Reports speak of a subset by its values."""
    (found,) = RouteOptions.model_validate({"split": [destination]}).split
    assert title == found.title


def test_routes_have_names_of_their_own() -> None:
    """Two of one name would share metrics and salt; a place counts as a name."""
    assert 2 == len(ROUTES.validate_python([{}, {}]))
    for names in (["a", "a"], ["", "routes[0]"]):
        with pytest.raises(ValidationError, match="is the name of another route") as caught:
            ROUTES.validate_python([{"name": name} for name in names])
        assert "[1].name" in str(caught.value)


def test_whole_document_has_a_schema() -> None:
    """Editors can check what is written; names there are those of the document."""
    schema = TypeAdapter(Routes).json_schema(by_alias=True)
    assert "json" in schema["$defs"]["DirectResponseOptions"]["properties"]
    assert {"match", "split", "key", "deny"} <= set(schema["$defs"]["RouteOptions"]["properties"])


@given(st.one_of(st.text(), st.text(alphabet="/{}a=*b").map(lambda text: f"/{text}")))
def test_template_is_parsed_or_refused(text: str) -> None:
    """Whatever is written, the mistake is told, or the template takes what it was made for."""
    try:
        template = parse_template(text)
    except ValueError:
        assert "{" in text or "}" in text
        return
    filled = template.parts[0] + "".join(f"v{n}{part}" for n, part in enumerate(template.parts[1:]))
    found = compile_template(template).fullmatch(filled)
    assert found is not None
    assert {name: f"v{n}" for n, name in enumerate(template.names)} == found.groupdict()


def test_affinity_may_say_what_it_does_not_use() -> None:
    """Null is as good as nothing."""
    assert AffinityOptions(cookie="a") == AffinityOptions(cookie="a", header=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give one of cookie and header"),
        ({"cookie": "a", "header": "b"}, "give one of cookie and header"),
        ({"cookie": "a;b"}, "cannot be the name"),
        ({"header": "a b"}, "cannot be the name"),
        ({"cookie": "a", "path": "x"}, "cannot be the path of a cookie"),
        ({"cookie": "a", "path": "/;x"}, "cannot be the path of a cookie"),
        ({"cookie": "a", "time_limit": -1}, "greater than or equal to 0"),
    ],
)
def test_affinity_that_cannot_be_is_refused(options: Any, message: str) -> None:
    """A session travels in one place, whose name the wire can carry."""
    with pytest.raises(ConfigurationError, match=message):
        AffinityOptions.model_validate(options)
