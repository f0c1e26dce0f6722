"""No field of a document is dropped in silence: it is written, or it is reported."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshlib._problems import path_of
from meshlib.config import load_config
from meshlib.convert import Exported, export_kubernetes

DOCUMENT = yaml.safe_load((Path(__file__).parents[1] / "data" / "mesh.yaml").read_text())
EFFECTLESS = {
    ("discovery", "kubernetes", "labels", 0): "a cluster is its own source",
    ("outside",): "the policy lets nothing else pass, as it says",
    ("services", "users", "routes", 0, "split", 0, "name"): "the label's value is the default",
    ("services", "users", "routes", 0, "split", 1, "name"): "the label's value is the default",
    ("services", "users", "balancer", "ring_hash", "key", "header"): "addresses are the default",
}
"""Fields of the document that say what the objects say anyway."""


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all scalars and empty collections."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    if not items:
        yield place
    for key, part in items:
        yield from leaves(part, (*place, key))


def export(document: Any) -> Exported:
    """What is written for a document."""
    return export_kubernetes(load_config(document, environ={}))


def test_each_field_of_a_document_matters() -> None:
    """Without any one field other objects would be written, or it is reported."""
    whole = export(DOCUMENT)
    silent, count = set(), 0
    for place in leaves(DOCUMENT):
        changed = copy.deepcopy(DOCUMENT)
        holder = changed
        for key in place[:-1]:
            holder = holder[key]
        del holder[place[-1]]
        try:
            found = export(changed)
        except Exception:  # it would be no valid document without it
            continue
        count += 1
        told = any(path_of(place).startswith(each.path) for each in whole.findings)
        if found == whole and not told:
            silent.add(place)
    assert 40 < count
    assert silent <= set(EFFECTLESS)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("hedge", {"hedge": True}),
        ("health_check", {"health_check": {"http": {"path": "/"}}}),
        ("fallback", {"fallback": {"status": 200}}),
        ("aliases", {"aliases": ["u"]}),
        ("endpoints", {"endpoints": ["http://10.0.0.1"]}),
        ("discovery", {"discovery": "env"}),
        ("idempotent", {"idempotent": True}),
        ("affinity.cookie", {"affinity": {"cookie": "c"}}),
        ("breaker.failure_ratio", {"breaker": {"failure_ratio": 0.3}}),
        ("breaker.max_break_duration", {"breaker": {"max_break_duration": "99s"}}),
        ("outlier.success_rate_factor", {"outlier": {"success_rate_factor": 2}}),
        ("bulkhead.max_queue", {"bulkhead": {"max_queue": 0}}),
        ("retry.budget.ratio", {"retry": {"budget": {"ratio": 0.2}}}),
        ("balancer.name", {"balancer": "weighted"}),
        ("balancer.choice_count", {"balancer": {"least_request": {"choice_count": 3}}}),
        ("balancer", {"balancer": {"ring_hash": {"key": {"path": True}}}}),
        ("slow_start", {"balancer": "ip_hash", "slow_start": {"window": "5s"}}),
        ("routes[0].hedge", {"routes": [{"hedge": True}]}),
        ("routes[0].idempotent", {"routes": [{"idempotent": True}]}),
        ("routes[0].key", {"routes": [{"key": "user"}]}),
        ("routes[0].fault.delay", {"routes": [{"fault": {"delay": {"uniform": [1, 2]}}}]}),
        ("routes[0].fault.abort", {"routes": [{"fault": {"abort": {"error": "reset"}}}]}),
        ("routes[0].fault.seed", {"routes": [{"fault": {"abort": {"status": 500}, "seed": 1}}]}),
        ("routes[0].subset.a", {"routes": [{"subset": {"a": ["1", "2"]}}]}),
        ("routes[0].subset.a", {"routes": [{"subset": {"a": "no label"}}]}),
        ("routes[0].mirror[0].timeout", {"routes": [{"mirror": {"service": "u", "timeout": 1}}]}),
        (
            "routes[0].mirror[0].shadow_host",
            {"routes": [{"mirror": {"service": "u", "shadow_host": False}}]},
        ),
        ("routes[0].mirror[0]", {"routes": [{"mirror": {"subset": {"a": ["1", "2"]}}}]}),
        ("routes[0].split[0].name", {"routes": [{"split": [{"name": "a", "service": "b"}]}]}),
        (
            "routes[0].split[0].subset_fallback",
            {"routes": [{"split": [{"subset": {"a": "b"}, "subset_fallback": "any"}]}]},
        ),
    ],
)
def test_what_istio_has_no_word_for_is_reported(path: str, service: Any) -> None:
    """Each finding names the file and the place in the document."""
    found = export_kubernetes(
        load_config({"name": "me", "services": {"users": service}}, environ={}), file="x/mesh.yaml"
    )
    (finding,) = (each for each in found.findings if each.path == f"services.users.{path}")
    assert "x/mesh.yaml" == finding.file


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("tenant", {"tenant": "a"}),
        ("percentage", {"percentage": 50}),
        ("headers.a.exact", {"headers": {"a": ""}}),
        ("headers.a.regex", {"headers": {"a": {"regex": "a(?=b)"}}}),
        ("path.regex", {"path": {"regex": r"(a)\1"}}),
        ("query", {"query": {"a": False}}),
        ("query.a.regex", {"query": {"a": {"regex": "(?P<x>a)(?P=x)"}}}),
        ("cookies", {"cookies": {"a": "1", "b": "2"}}),
        ("cookies", {"cookies": {"a": False}}),
        ("cookies", {"cookies": {"a": "1"}, "headers": {"cookie": True}}),
        ("cookies.a.regex", {"cookies": {"a": {"regex": "a++"}}}),
        ("without_headers", {"headers": {"a": True}, "without_headers": {"a": False}}),
    ],
)
def test_a_route_that_would_take_more_calls_is_left_out(path: str, match: Any) -> None:
    """A condition that Istio does not have takes the rule with it, and all of it is told."""
    routes = [{"match": match, "subset": {"version": "v1"}}]
    found = export({"name": "me", "services": {"users": {"routes": routes}}})
    assert not [each for each in found.objects if each["kind"] == "VirtualService"]
    places = {each.path for each in found.findings}
    wanted = {"services.users.routes[0]", f"services.users.routes[0].match[0].{path}"}
    assert wanted <= places


@pytest.mark.parametrize(
    "route",
    [
        {
            "match": {"path": {"path_prefix": "/a"}},
            "redirect": {"regex": {"match": "a", "rewrite": "b"}},
        },
        {"match": {"path": "/{a}"}, "redirect": {"template": "/x/{a}"}},
        {"match": {"path": {"regex": "/(?P<a>.*)"}}, "rewrite": {"template": "/x/{a}"}},
        {"rewrite": {"regex": {"match": "a(?!b)", "rewrite": "b"}}},
        {"rewrite": {"regex": {"match": "(?P<a>b)", "rewrite": r"\g<a>"}}},
    ],
)
def test_a_change_of_a_path_that_istio_has_not_is_reported(route: Any) -> None:
    """The route is left out: its calls would go to the wrong place."""
    found = export({"name": "me", "services": {"users": {"routes": [route]}}})
    assert "services.users.routes[0]" in {each.path for each in found.findings}
    assert not [each for each in found.objects if each["kind"] == "VirtualService"]


def test_what_a_document_says_beside_its_services_is_reported() -> None:
    """Faults and tenants are no matter of a VirtualService."""
    document = {
        "faults": [{"name": "f", "abort": {"status": 500}}],
        "tenants": {"gold": {"defaults": {"timeout": "1s"}}},
        "services": {"users": {}},
    }
    found = export(document)
    assert ["name", "faults", "tenants"] == [each.path for each in found.findings]
    assert () == found.objects
