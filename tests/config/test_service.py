"""Defaults, durations and fallbacks of a service."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from meshlib import MeshConfig, ServiceConfig
from meshlib import config as package
from meshlib._options import Duration, PositiveDuration
from meshlib.config import FallbackOptions

duration: TypeAdapter[float] = TypeAdapter(Duration)
positive: TypeAdapter[float] = TypeAdapter(PositiveDuration)

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def test_defaults_are_the_published_ones() -> None:
    """What nobody says is what the design promises."""
    service = ServiceConfig()

    assert (15.0, None, 5.0) == (
        service.timeout,
        service.attempt_timeout,
        service.discovery_timeout,
    )
    assert ("least_connections", 3, 5, 0.5, 1000) == (
        service.balancer.name,
        service.retry.max_attempts,
        service.breaker.consecutive_failures,
        service.outlier.max_ejection_ratio,
        service.bulkhead.max_concurrency,
    )
    assert (None, None, None, "endpoint", False, None) == (
        service.hedge,
        service.fallback,
        service.discovery,
        service.authority,
        service.grpc_timeout,
        service.idempotent,
    )
    assert set() == service.model_fields_set


@pytest.mark.parametrize("name", ["timeout", "attempt_timeout", "discovery_timeout"])
def test_null_timeouts_are_none(name: str) -> None:
    """A timeout may be switched off."""
    given_: Any = {name: None}
    assert getattr(ServiceConfig(**given_), name) is None


@pytest.mark.parametrize(
    ("said", "section", "key", "value"),
    [
        ({"retry": False}, "retry", "max_attempts", 1),
        ({"retry": True}, "retry", "max_attempts", 3),
        ({"retry": None}, "retry", "max_attempts", 3),
        ({"breaker": False}, "breaker", "enabled", False),
        ({"bulkhead": False}, "bulkhead", "max_concurrency", None),
        ({"slow_start": True}, "slow_start", "window", 30.0),
        ({"hedge": True}, "hedge", "max_hedges", 1),
        ({"balancer": "random"}, "balancer", "name", "random"),
        ({"balancer": {"maglev": {"table_size": 7}}}, "balancer", "table_size", 7),
        ({"balancer": {"choice_count": 3}}, "balancer", "choice_count", 3),
        ({"balancer": {"name": "random", "choice_count": 3}}, "balancer", "choice_count", 3),
    ],
)
def test_short_forms_work_without_a_document(said: Any, section: str, key: str, value: Any) -> None:
    """What a document may write, a ServiceConfig made in Python takes as well."""
    assert value == getattr(getattr(ServiceConfig(**said), section), key)


def test_null_and_false_are_off_without_a_document() -> None:
    """What is off by default can be said to be."""
    for off in (None, False):
        assert ServiceConfig(hedge=off).hedge is None
    assert ServiceConfig(discovery=None).discovery is None
    assert MeshConfig(discovery=None).discovery is None


def test_first_snapshot_need_not_be_waited_for() -> None:
    """0 is a wait of no time, which null is not."""
    assert 0.0 == ServiceConfig(discovery_timeout=0).discovery_timeout


@pytest.mark.parametrize("authority", ["endpoint", "service", "api.example.com", "[::1]:80"])
def test_authority_is_any_host(authority: str) -> None:
    """Two words have a meaning, any other host is sent as it is."""
    assert authority == ServiceConfig(authority=authority).authority


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("5s", 5.0),
        ("1m", 60.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        (" 1.5s ", 1.5),
        ("100us", 1e-4),
        (0, 0.0),
        (2, 2.0),
        (0.5, 0.5),
    ],
)
def test_duration_is_a_number_or_text_with_units(text: Any, seconds: float) -> None:
    """Numbers are seconds, texts name their units."""
    assert seconds == pytest.approx(duration.validate_python(text))


@given(st.integers(0, 10**9), st.sampled_from(list(UNITS)))
def test_duration_survives_being_written(number: int, unit: str) -> None:
    """A number with any unit reads as so many of it."""
    assert duration.validate_python(f"{number}{unit}") == pytest.approx(number * UNITS[unit])


@given(st.lists(st.tuples(st.integers(0, 10**4), st.sampled_from(list(UNITS))), min_size=1))
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    """A text of several parts is their sum."""
    text = "".join(f"{number}{unit}" for number, unit in parts)
    total = sum(number * UNITS[unit] for number, unit in parts)

    assert total == pytest.approx(duration.validate_python(text))


@given(st.floats(0, 1e9, allow_nan=False))
def test_seconds_are_left_as_they_are(seconds: float) -> None:
    """A number comes out as it went in."""
    assert seconds == duration.validate_python(seconds)


@given(st.text(max_size=8))
def test_any_text_is_a_duration_or_an_error(text: str) -> None:
    """No text raises anything else, and none gives a negative duration."""
    try:
        seconds = duration.validate_python(text)
    except ValidationError:
        return
    assert seconds >= 0.0


@pytest.mark.parametrize(
    "value", [-1, "-1s", "5", "5 s", "", "s", True, float("inf"), "9" * 400 + "s"]
)
def test_other_values_are_no_durations(value: Any) -> None:
    """Text without a unit, negative and endless durations are refused."""
    with pytest.raises(ValidationError):
        duration.validate_python(value)


@pytest.mark.parametrize("value", [0, "0s"])
def test_positive_durations_are_above_zero(value: Any) -> None:
    """A timeout of 0 would refuse every call."""
    with pytest.raises(ValidationError):
        positive.validate_python(value)


@pytest.mark.parametrize(
    ("options", "status", "content", "kind"),
    [
        ({"json": {"items": []}}, 200, b'{"items":[]}', "application/json"),
        ({"json": None, "status": 203}, 203, b"null", "application/json"),
        ({"text": "sorry", "status": 503}, 503, b"sorry", "text/plain; charset=utf-8"),
        ({"headers": {"x-from": "us"}}, 200, b"", None),
    ],
)
def test_fallback_is_a_response(
    options: Any, status: int, content: bytes, kind: str | None
) -> None:
    """Status, headers and one kind of body make the answer, anew each time."""
    fallback = FallbackOptions(**options)
    response = fallback.response()

    assert (status, content) == (response.status_code, response.read())
    if kind is not None:
        assert kind == response.headers["content-type"]
    assert options.get("headers", {}).items() <= response.headers.items()
    assert response is not fallback.response()


def test_cached_fallback_is_a_duration() -> None:
    """How old a kept response may be, and how many are kept."""
    service = ServiceConfig(fallback={"cached": "1m"})

    assert (60.0, 1000) == (service.fallback.cached, service.fallback.cached_size)


@pytest.mark.parametrize("off", [None, False])
def test_fallback_is_off_by_default(off: Any) -> None:
    """Null and false answer nothing."""
    assert ServiceConfig(fallback=off).fallback is None


def test_package_exports_what_it_says() -> None:
    """`__all__` is sorted and complete."""
    assert sorted(package.__all__) == package.__all__
    for name in package.__all__:
        assert hasattr(package, name)


def test_annotated_durations_are_floats() -> None:
    """Options hold seconds as numbers, never the text that was written."""
    adapter: TypeAdapter[float] = TypeAdapter(Annotated[Duration, "a note"])
    assert type(adapter.validate_python("5s")) is float
