"""Sites, kinds of fault, replays and coverage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.faults import FaultMatch, FaultRule
from meshlib.testing.explore import (
    DEFAULT_KINDS,
    Behaviour,
    Behaviours,
    CallSite,
    FaultKind,
    Faults,
    Injection,
    Plan,
    Replay,
    ResilienceCoverage,
    SiteIndex,
    template,
)

SITE = CallSite("shop", "payments", "POST", "/charge", ("shop:checkout",))
KIND = FaultKind("503", {"abort": {"status": 503}})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/42/orders", "/users/{id}/orders"),
        ("/a/5f3759df5f37", "/a/{id}"),
        ("/a/0b3d0f6e-7f0c-4b9d-9f43-0f3a52a1c001", "/a/{id}"),
        ("/v1/beef", "/v1/beef"),
        ("/", "/"),
    ],
)
def test_template_hides_what_varies(path: str, expected: str) -> None:
    """Numbers, UUIDs and long hex; words stay."""
    assert expected == template(path)


def test_calls_that_agree_are_counted() -> None:
    """The second one from the same place is another site, and says so."""
    index = SiteIndex()
    place = {"source": "shop", "service": "users", "method": "GET", "path": "/users/1"}
    first, second = index.site(**place), index.site(**{**place, "path": "/users/2"})
    assert (1, 2) == (first.occurrence, second.occurrence)
    assert "users GET /users/{id} #2" == str(second)
    assert 1 == index.site(**place, parent=first).occurrence
    assert 1 == index.site(**place, stack=("shop:other",)).occurrence
    assert first.key != second.key
    assert "shop -> users" == first.edge


def test_a_site_comes_back_from_json() -> None:
    """A replay file names the same place."""
    assert SITE == CallSite.from_json(json.loads(json.dumps(SITE.to_json())))


@pytest.mark.parametrize("kind", DEFAULT_KINDS, ids=lambda kind: kind.name)
def test_default_kinds_are_rules(kind: FaultKind) -> None:
    """Each has the fields of a fault rule."""
    assert FaultRule(name="x", match=FaultMatch(service="a"), **kind.rule).name == "x"


def test_all_default_kinds_are_tried_everywhere() -> None:
    """Unless a test says otherwise."""
    assert DEFAULT_KINDS == Faults().at(SITE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["503", "refused"], ["503", "refused"]),
        ("slow", ["slow"]),
        (404, ["404"]),
        ([503, "503"], ["503"]),
        ({"payments": ["500"], "*": ["503"]}, ["500"]),
        ({"users": ["500"], "shop -> pay*": ["429"]}, ["429"]),
        ({"users": ["500"]}, []),
        ({"*": {"name": "gone", "abort": {"status": 410}}}, ["gone"]),
        (KIND, ["503"]),
    ],
)
def test_faults_are_chosen(given: Any, expected: list[str]) -> None:
    """By name, status or rule; for all edges or for some."""
    assert expected == [kind.name for kind in Faults(given).at(SITE)]


@pytest.mark.parametrize("given", ["unknown", 99, 600, {"*": [{"name": "x"}]}, [{"abort": {}}]])
def test_an_unknown_fault_is_refused(given: Any) -> None:
    """A misspelt fault is not silently left out."""
    with pytest.raises(ValueError, match=r"no fault is called|needs a name"):
        Faults(given)


def test_a_plan_says_what_it_does() -> None:
    """In one line, for a test id."""
    second = Injection(SITE, FaultKind("response_lost", {}), first=True)
    assert "no fault" == str(Plan())
    plan = Plan().with_one_more(second, 1)
    assert "payments POST /charge -> response_lost once" == str(plan)
    assert second == plan.at(SITE)


def test_a_replay_comes_back_from_its_file() -> None:
    """What is in the file is what was run."""
    plan = Plan((Injection(SITE, KIND, first=True),), 1)
    replay = Replay("tests/test_shop.py::test_buys[eur]", plan, "AssertionError")
    assert replay == Replay.loads(replay.dumps())
    assert replay.file_name.startswith("test-buys-eur-")
    value = json.loads(replay.dumps())
    assert f"pytest --mesh-replay={replay.file_name}" == value["run"]
    assert "payments POST /charge -> 503 once" == value["case"]


def test_replays_of_other_cases_have_other_names() -> None:
    """Two failures of one test do not overwrite each other."""
    cases = [Plan((Injection(SITE, KIND, first),), 1) for first in (True, False)]
    assert 2 == len({Replay("a.py::test", plan).file_name for plan in cases})


@pytest.mark.parametrize("text", ["[]", "{}", "1", "nonsense", '{"version": 2}', '"x"'])
def test_what_is_no_replay_is_refused(text: str) -> None:
    """With one error, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        Replay.loads(text)


@given(st.text(max_size=20), st.integers(0, 3))
def test_any_test_has_a_file_name(test: str, faults: int) -> None:
    """Which any file system takes."""
    sites = [CallSite("a", str(number), "GET", "/") for number in range(faults)]
    name = Replay(test, Plan(tuple(Injection(site, KIND) for site in sites))).file_name
    assert name.isascii()
    assert "/" not in name


def test_coverage_counts_pairs() -> None:
    """What was reached and not broken is missing, also on edges never broken at all."""
    coverage = ResilienceCoverage()
    assert 0 == coverage.percentage
    coverage.reached("shop -> payments", ["503", "slow"])
    coverage.reached("shop -> users", ["503", "slow"])
    coverage.fired("shop -> payments", "503")
    coverage.reached("shop -> payments", ["503"])
    assert (4, 1, 25.0) == (coverage.pairs, coverage.exercised, coverage.percentage)
    assert coverage.lines() == [
        "shop -> payments  1/2  missing: slow",
        "shop -> users     0/2  missing: 503, slow",
        "1 of 4 pairs of edge and fault: 25 %",
    ]
    assert {"shop -> payments", "shop -> users"} == coverage.edges
    edges = {"503": True, "slow": False}
    assert edges == coverage.to_json()["edges"]["shop -> payments"]
    coverage.fired("shop -> payments", "slow")
    assert "shop -> payments  2/2" == coverage.lines()[0]


def test_a_behaviour_shows_what_was_seen() -> None:
    """The calls it made, not those that others made for it."""
    inner = Behaviour(SITE, "200")
    outer = Behaviour(CallSite("a", "b", "GET", "/"), "500", (inner,))
    test = Behaviour(None, "passed", (outer,))
    assert [outer, inner] == list(test.walk())
    assert {(outer.site, "", "500", None)} == test.view


def test_what_calls_others_though_it_saw_the_same_is_not_foretold() -> None:
    """Two ways to behave fit: neither can be relied on."""
    behaviours = Behaviours()
    behaviours.add(Behaviour(None, "passed"))
    behaviours.add(Behaviour(None, "passed", (Behaviour(SITE, "200"),)))
    assert behaviours.foretell(Plan()) is None
    assert "the test" == behaviours.contradicted
