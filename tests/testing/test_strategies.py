"""What Hypothesis draws is lawful, and shrinks to what is easy to read."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from meshlib import Endpoint, MeshClient
from meshlib.faults import FaultRule
from meshlib.testing import HANG, Slow, Stage
from meshlib.testing.strategies import KINDS, endpoints, fault_plans, fault_rules, scripts


@settings(max_examples=30)
@given(fault_plans(["payments"], kinds=KINDS), scripts(hang=False))
def test_any_plan_on_any_endpoint_ends_within_the_deadline(
    plan: list[FaultRule], script: list[object]
) -> None:
    """Whatever breaks, a call ends by its deadline: with a response, or an error of httpx."""
    with Stage(cluster={"payments": script}) as stage, MeshClient() as client:
        assert stage.time is not None
        for rule in plan:
            stage.add(rule)
        try:
            client.get("http://payments/", timeout=30.0)
        except (httpx.HTTPError, ValueError):
            pass  # ValueError: a body that is no longer what it was
        assert stage.time.elapsed <= 15.0 + 1e-6


def test_the_simplest_plan_is_one_503() -> None:
    """A failure that any fault causes is shown with the plainest one."""
    (rule,) = find(fault_plans(["payments", "users"]), lambda plan: True)
    assert ("payments", "fault 1") == (rule.match.service, rule.name)
    assert rule.abort is not None
    assert (503, 100.0, None, 0) == (
        rule.abort.status,
        rule.percentage,
        rule.max_total,
        rule.seed,
    )


def test_a_delay_shrinks_to_the_shortest_that_fails() -> None:
    """Of all delays that break something, the shortest is shown, without other rules."""

    def is_long(plan: list[FaultRule]) -> bool:
        return any(rule.delay is not None and (rule.delay.fixed or 0) >= 2 for rule in plan)

    (rule,) = find(fault_plans(), is_long)
    assert rule.delay is not None
    assert 2.0 == rule.delay.fixed
    assert rule.match.service is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone_is_drawn_alone(kind: str) -> None:
    """Asked for one kind, no other is drawn."""
    rule = find(fault_rules(kinds=[kind]), lambda rule: True)
    parts = {
        "status": rule.abort is not None and rule.abort.status is not None,
        "error": rule.abort is not None and rule.when == "before" and rule.abort.error is not None,
        "delay": rule.delay is not None,
        "lost": rule.when == "after",
        "truncate": rule.response is not None and rule.response.truncate is not None,
        "corrupt": rule.response is not None and rule.response.corrupt is not None,
    }
    assert [kind] == [name for name, there in parts.items() if there]


def test_an_unknown_kind_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(ValueError, match=r"status, error.*not typo"):
        fault_rules(kinds=["typo"])


@given(endpoints(min_size=2))
def test_endpoints_differ(drawn: list[Endpoint]) -> None:
    """No two endpoints of a list have one address."""
    assert len(drawn) == len({endpoint.address for endpoint in drawn}) >= 2


@given(st.data())
def test_scripts_hang_only_where_they_may(data: st.DataObject) -> None:
    """Without `hang` every answer comes in the end."""
    for item in data.draw(scripts(hang=False)):
        assert item is not HANG
        assert not isinstance(item, Slow) or item.seconds <= 20
