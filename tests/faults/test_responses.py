"""What is done to a response that does come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.faults import Corruption, Fault, FaultInjector, FaultRule, ResponseEffects

Decide = Callable[..., Fault | None]


def rule(name: str = "r", **response: Any) -> FaultRule:
    """Make a rule that alters responses."""
    return FaultRule.model_validate({"name": name, "response": response})


def effects(decide: Decide, *rules: FaultRule, **facts: Any) -> ResponseEffects:
    """Decide once, and give what is to be done."""
    injector = FaultInjector(rules)
    injector.heeds_requests = True
    fault = decide(injector.plan("users", "checkout"), **facts)
    assert fault is not None
    assert not fault.aborts
    assert fault.response is not None
    return fault.response


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"chunk_delay": "10ms"}, ResponseEffects(chunk_delay=0.01)),
        (
            {"chunk_delay": 1, "chunk_size": 8},
            ResponseEffects(chunk_delay=1, chunk_size=8),
        ),
        ({"bandwidth": 1000}, ResponseEffects(bandwidth=1000)),
        ({"truncate": 0}, ResponseEffects(truncate=0)),
        ({"truncate": 5, "silent": True}, ResponseEffects(truncate=5, silent=True)),
        (
            {"headers": {"set": {"a": "b"}, "remove": ["c"]}},
            ResponseEffects(set_headers={"a": "b"}, remove_headers=("c",)),
        ),
        ({"body": ""}, ResponseEffects(body="")),
        ({"corrupt": "json"}, ResponseEffects(corrupt=(Corruption("json"),))),
        (
            {"corrupt": {"json": True, "charset": None}},
            ResponseEffects(corrupt=(Corruption("json"),)),
        ),
        ({"corrupt": "gzip"}, ResponseEffects(corrupt=(Corruption("gzip"),))),
        (
            {"corrupt": "charset"},
            ResponseEffects(corrupt=(Corruption("charset", charset="utf-16"),)),
        ),
        (
            {"corrupt": {"field": {"path": "a[0].b", "value": [1]}}},
            ResponseEffects(corrupt=(Corruption("field", path=("a", 0, "b"), value=[1]),)),
        ),
        (
            {"corrupt": {"field": {"path": "$.a.*", "remove": True}}},
            ResponseEffects(corrupt=(Corruption("field", path=("a", "*"), remove=True),)),
        ),
    ],
)
def test_effects_say_what_the_rule_says(
    response: dict[str, Any], expected: ResponseEffects, decide: Decide
) -> None:
    """Each part of a rule is one of the effects."""
    assert expected == effects(decide, rule(**response))


def test_corruptions_go_from_the_inside_out(decide: Decide) -> None:
    """Bytes are made wrong last, so that no other has to read them."""
    everything = {
        "bytes": 0.5,
        "gzip": True,
        "charset": "utf-16",
        "json": True,
        "field": {"path": "a"},
    }
    corrupt = effects(decide, rule(corrupt=everything)).corrupt
    assert ["field", "json", "charset", "gzip", "bytes"] == [each.kind for each in corrupt]
    assert 0.5 == corrupt[-1].rate


def test_wrong_bytes_are_others_each_time_and_repeatable(decide: Decide) -> None:
    """The seed of a corruption follows from the rule's and the call."""

    def seeds() -> list[int]:
        seeded = FaultRule(name="r", response=rule(corrupt="bytes").response, seed=1)
        plan = FaultInjector([seeded]).plan("users", "checkout")
        faults = [decide(plan) for _ in range(5)]
        return [fault.response.corrupt[0].seed for fault in faults if fault and fault.response]

    assert seeds() == seeds()
    assert 5 == len(set(seeds()))


def test_effects_of_several_rules_are_merged(decide: Decide) -> None:
    """Delays add up, the least of sizes counts, and the first of what can be only one."""
    merged = effects(
        decide,
        rule(chunk_delay=1, chunk_size=8, truncate=9, headers={"set": {"a": "1"}}, corrupt="json"),
        rule(chunk_delay=2, bandwidth=50, body="two", headers={"set": {"a": "2", "b": "2"}}),
        rule(chunk_delay=4, chunk_size=4, truncate=3, silent=True, bandwidth=70, body="three"),
        rule(headers={"remove": ["c"]}, corrupt="gzip"),
    )
    assert merged == ResponseEffects(
        set_headers={"a": "1", "b": "2"},
        remove_headers=("c",),
        body="two",
        corrupt=(Corruption("json"), Corruption("gzip")),
        truncate=3,
        silent=True,
        chunk_size=4,
        chunk_delay=7.0,
        bandwidth=50.0,
    )


def test_abort_leaves_no_response_to_alter(decide: Decide) -> None:
    """The rule that would alter it does not act, and is not counted."""
    abort = FaultRule.model_validate({"name": "no", "abort": {"status": 500}})
    injector = FaultInjector([rule("slow", bandwidth=1), abort])
    fault = decide(injector.plan("users", "checkout"))
    assert fault is not None
    assert ("no", None) == (fault.rule, fault.response)
    assert {"slow": 0, "no": 1} == injector.injected


@pytest.mark.parametrize(("asked", "bandwidth"), [("1", 1024.0), ("300", 307_200.0)])
def test_header_asks_for_a_bandwidth(asked: str, bandwidth: float, decide: Decide) -> None:
    """Envoy's header counts KiB a second."""
    headers = {"x-envoy-fault-throughput-response": asked}
    assert bandwidth == effects(decide, rule(header=True), headers=headers).bandwidth


@pytest.mark.parametrize("asked", ["0", "fast", ""])
def test_header_that_asks_for_no_bandwidth_gets_none(asked: str, decide: Decide) -> None:
    """What the rule itself does is done all the same."""
    headers = {"x-envoy-fault-throughput-response": asked}
    assert ResponseEffects(truncate=1) == effects(
        decide, rule(header=True, truncate=1), headers=headers
    )
    injector = FaultInjector([rule(header=True)])
    injector.heeds_requests = True
    assert decide(injector.plan("users", "checkout"), headers=headers) is None


def test_bandwidth_is_asked_for_by_a_share(decide: Decide) -> None:
    """With 0 % of its own the request is left alone, and the rule's other part acts."""
    headers = {
        "x-envoy-fault-throughput-response": "1",
        "x-envoy-fault-throughput-response-percentage": "0",
    }
    altered = effects(decide, rule(header=True, truncate=1), headers=headers)
    assert (None, 1) == (altered.bandwidth, altered.truncate)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({}, "response: give one of chunk_delay, bandwidth"),
        ({"chunk_size": 4}, "give one of chunk_delay, bandwidth"),
        ({"silent": True, "body": "x"}, "silent goes with truncate"),
        ({"header": True, "bandwidth": 1}, "give one of bandwidth and header"),
        ({"corrupt": {}}, "corrupt: give one of bytes, json, charset, gzip and field"),
        ({"corrupt": "jsn"}, "'jsn' is not known; known are bytes, json, charset, gzip"),
        ({"corrupt": {"charset": "utf-99"}}, "'utf-99' is no encoding"),
        ({"corrupt": {"charset": "hex"}}, "'hex' is no encoding"),
        ({"corrupt": {"charset": "idna"}}, "'idna' is no encoding"),
        ({"corrupt": {"field": {"path": "a", "value": 1, "remove": True}}}, "value and remove"),
        ({"corrupt": {"field": {"path": ""}}}, "a path names at least one field"),
        ({"corrupt": {"field": {"path": "a[x]"}}}, r"'a\[x\]' is no path; write it as"),
        ({"corrupt": {"field": {"path": ".a"}}}, "'.a' is no path"),
        ({"corrupt": {"bytes": 0}}, "greater than 0"),
        ({"truncate": -1}, "greater than or equal to 0"),
        ({"bandwith": 1}, "did you mean 'bandwidth'"),
    ],
)
def test_response_is_rejected_when_it_makes_no_sense(
    response: dict[str, Any], message: str
) -> None:
    """What is wrong is named with its place."""
    with pytest.raises(ConfigurationError, match=message):
        rule(**response)
