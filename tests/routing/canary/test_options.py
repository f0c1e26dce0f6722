"""What a user may set about a canary."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.config.store import MemoryStore, StoreKey
from meshlib.routing.canary import AnalysisOptions, CanaryOptions


def test_defaults_are_those_of_their_sources() -> None:
    """Flagger's interval and limits, and the steps of its tutorials."""
    options = CanaryOptions()
    assert 60.0 == options.interval
    assert (0.99, 0.5) == (options.analysis.success_rate, options.analysis.p99)
    assert (0.05, 0.15, 0.25, 0.35, 0.45, 0.5) == options.weights
    assert 5 == options.failure_threshold


def test_steps_replace_the_step() -> None:
    """A list of shares is followed as it stands, after the first one."""
    options = CanaryOptions.model_validate(
        {"initial_weight": 0.01, "steps": [0.02, 0.1], "interval": "2m"}
    )
    assert (0.01, 0.02, 0.1) == options.weights
    assert 120.0 == options.interval


def test_one_share_may_be_all() -> None:
    """A canary may begin with its largest share."""
    assert (0.5,) == CanaryOptions(initial_weight=0.5).weights


@given(first=st.floats(0.001, 1), step=st.floats(0.001, 1), largest=st.floats(0.001, 1))
def test_shares_rise_up_to_the_largest(first: float, step: float, largest: float) -> None:
    """Whatever the step is, the last share is the largest, and none is beyond it."""
    first = min(first, largest)
    weights = CanaryOptions(initial_weight=first, step=step, max_weight=largest).weights
    assert first == weights[0]
    assert largest == weights[-1]
    assert sorted(set(weights)) == list(weights)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"initial_weight": 0}, "initial_weight"),
        ({"initial_weight": 0.6}, "initial_weight"),
        ({"steps": [0.1, 0.1]}, "steps[1]"),
        ({"steps": [0.1, 0.6]}, "steps[1]"),
        ({"steps": [0.1], "step": 0.1}, ""),
        ({"step": 0}, "step"),
        ({"interval": 0}, "interval"),
        ({"failure_threshold": 0}, "failure_threshold"),
        ({"analysis": {"alpha": 0}}, "analysis.alpha"),
        ({"analysis": {"succes_rate": 0.9}}, "analysis.succes_rate"),
    ],
)
def test_says_what_is_wrong(settings: dict[str, Any], place: str) -> None:
    """An error names the place in the document."""
    with pytest.raises(ConfigurationError) as caught:
        CanaryOptions(**settings)
    assert place == caught.value.path


def test_conditions_can_be_switched_off() -> None:
    """Null means that a condition is not looked at."""
    options = AnalysisOptions(
        success_rate=None, p99=None, max_success_degradation=None, max_p99_degradation=None
    )
    assert options.p99 is None


@pytest.mark.parametrize("store", ["process", {"file": "x"}, StoreKey(MemoryStore(), "x")])
def test_a_store_is_for_the_configuration_to_judge(store: Any) -> None:
    """A name, settings, or a store that code has made."""
    assert store == CanaryOptions(store=store).store


@pytest.mark.parametrize("store", [None, 3, ["etcd"]])
def test_what_cannot_be_a_store_is_refused(store: Any) -> None:
    """The error says what to write."""
    with pytest.raises(ConfigurationError, match="write 'process'") as caught:
        CanaryOptions(store=store)
    assert "store" == caught.value.path
