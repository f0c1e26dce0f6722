"""What a fault rule may say."""

from __future__ import annotations

import pytest

from meshlib import ConfigurationError
from meshlib.faults import DelayFault, FaultMatch, FaultRule, TextMatch


def test_rule_of_the_documentation_is_read() -> None:
    """The document's own example is valid, and durations are seconds."""
    rule = FaultRule.model_validate(
        {
            "name": "brownout",
            "match": {
                "service": "payments",
                "method": ["post"],
                "path": {"prefix": "/charge"},
                "headers": {"x-tenant": {"exact": "a"}},
                "source": "checkout",
            },
            "delay": {"percentage": 25, "fixed": "300ms"},
            "abort": {"percentage": 5, "status": 503, "retry_after": "2s"},
            "phase": "attempt",
            "max_active": 20,
            "seed": 42,
        }
    )
    assert rule.delay is not None
    assert rule.abort is not None
    assert (0.3, 2.0) == (rule.delay.fixed, rule.abort.retry_after)
    assert frozenset({"POST"}) == rule.match.method


def test_text_match_may_be_a_plain_text() -> None:
    """A text alone means that exactly."""
    assert TextMatch(exact="/a") == TextMatch.model_validate("/a")


def test_method_may_be_one_text() -> None:
    """One method needs no list."""
    assert frozenset({"GET"}) == FaultMatch.model_validate({"method": "get"}).method


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "give one of delay, abort, response, quota, or a sequence"),
        ({"abort": {}}, "give one of status, error, blackhole and header"),
        ({"abort": {"status": 503, "error": "reset"}}, "give one of status, error"),
        ({"abort": {"error": "reset", "retry_after": 1}}, "retry_after goes with status"),
        ({"abort": {"status": 199}}, "greater than or equal to 200"),
        ({"abort": {"error": "explode"}}, "'explode' is not known"),
        ({"delay": {}}, "give one of fixed, uniform, normal, lognormal, empirical, quantiles, rel"),
        ({"delay": {"fixed": 1, "uniform": [1, 2]}}, "give one of fixed, uniform"),
        ({"delay": {"uniform": [2, 1]}}, "uniform is"),
        ({"delay": {"fixed": 1, "percentage": 101}}, "less than or equal to 100"),
        ({"match": {"path": {}}}, "give one of exact, prefix, regex and present"),
        ({"match": {"path": {"regex": "("}}}, "no regular expression"),
        ({"match": {"method": 5}}, "frozenset"),
        ({"match": {"method": [5]}}, "valid string"),
        ({"match": {"endpoint": "http://a:port"}}, "Port could not be cast"),
        ({"match": {"endpoint": "a:99999"}}, "Port out of range"),
        ({"delay": {"fixed": 1}, "phase": "call", "match": {"endpoint": "a:1"}}, "no endpoint"),
        ({"delay": {"fixed": 1}, "max_active": 0}, "greater than or equal to 1"),
    ],
)
def test_rule_is_rejected_when_it_makes_no_sense(document: dict[str, object], message: str) -> None:
    """What could never act, or act in two ways, is an error."""
    with pytest.raises(ConfigurationError, match=message):
        FaultRule.model_validate({"name": "bad", **document})


def test_null_is_not_named() -> None:
    """A part that is null matches everything, as one that is left out."""
    document = {"service": None, "endpoint": None, "path": {"prefix": "/", "regex": None}}
    match = FaultMatch.model_validate(document)
    assert FaultMatch(path=TextMatch(prefix="/")) == match


def test_uniform_may_be_one_point() -> None:
    """The bounds may be equal."""
    assert (1.0, 1.0) == DelayFault(uniform=(1, 1)).uniform
