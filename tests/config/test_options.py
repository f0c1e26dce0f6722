"""Every part of the document, made directly in Python."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError, config
from meshlib._options import Options

PARTS: list[type[Options]] = [
    part
    for name in config.__all__
    if isinstance(part := getattr(config, name), type) and issubclass(part, Options)
]

NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("part", PARTS)
def test_unknown_key_is_a_configuration_error(part: type[Options]) -> None:
    """It names the key, however the part is made, and no error of pydantic is behind it."""
    bad: dict[str, Any] = {"bad": 1}
    for make in (lambda: part(**bad), lambda: part.model_validate(bad)):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert "bad: unknown key 'bad'; " in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("make", "path", "hint"),
    [
        (lambda: config.BreakerOptions(consecutive_failurs=1), "consecutive_failurs", "failures'"),
        (lambda: config.RetryOptions(backoff={"inital": 1}), "backoff.inital", "'initial'"),
        (
            lambda: config.FaultRule(name="x", match={"headers": {"a": {"exct": "b"}}}),
            "match.headers.a.exct",
            "'exact'",
        ),
        (lambda: config.BalancerOptions(name="randm"), "name", "'random'"),
        (lambda: config.BalancerOptions.model_validate({"choice_cont": 3}), "choice_cont", "count"),
        (lambda: config.FaultRule(name="x", abort={"status": 99}), "abort.status", ""),
        (lambda: config.DelayFault(fixed="5 parsecs"), "fixed", ""),
    ],
)
def test_error_names_the_place_and_the_nearest_thing(make: Any, path: str, hint: str) -> None:
    """As for a part that stands in a document."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert path == caught.value.path
    assert hint in caught.value.hint
    assert str(caught.value).splitlines()[-1].startswith(path) or "errors:" in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_key_that_is_no_text_is_a_configuration_error(part: type[Options]) -> None:
    """A document may have one, and Python takes none for an argument."""
    with pytest.raises(ConfigurationError, match="5 is not text"):
        part.model_validate({5: 1})
    with pytest.raises(ConfigurationError, match="self"):
        part.model_validate({"self": 1})


@given(part=st.sampled_from(PARTS), data=st.data())
@settings(deadline=None)
def test_nonsense_is_refused_or_taken(part: type[Options], data: st.DataObject) -> None:
    """Whatever a key is given, nothing but ConfigurationError is raised."""
    names = [field.alias or name for name, field in part.model_fields.items()]
    values = data.draw(st.dictionaries(st.sampled_from(names), NONSENSE, max_size=3))
    for value in (values, data.draw(NONSENSE)):
        try:
            part.model_validate(value)
        except ConfigurationError:
            pass


def test_options_can_be_copied_and_pickled() -> None:
    """They are values."""
    one = config.RetryOptions(backoff=config.BackoffOptions(initial=1))
    assert one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))
    assert {"backoff"} == one.model_fields_set
    assert config.BackoffOptions(initial=2) == one.backoff.model_copy(update={"initial": 2.0})
