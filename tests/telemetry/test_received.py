"""The context of a request that nothing traces is read when somebody asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as contexts
from opentelemetry.context import Context

from meshlib.telemetry import Propagation
from meshlib.telemetry._current import access, attach, current, detach
from meshlib.telemetry._received import ReceivedContext

HEADERS = [
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    (b"baggage", b"user=7"),
]


class Counting(Propagation):
    """Counts how often headers are read, and in which context."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Context] = []

    def extract(self, headers: Any) -> Context:
        """What they say."""
        self.read.append(contexts.get_current())
        assert not list(contexts.get_current())  # a propagator may look at the current one
        return super().extract(headers)


@pytest.mark.parametrize(
    "asked",
    [
        dict,
        lambda one: {**one},
        lambda one: one.copy(),
        lambda one: one | {},
        lambda one: {} | one,
        lambda one: dict(one.items()),
        lambda one: {key: one[key] for key in one},
        lambda one: {key: one.get(key) for key in reversed(list(one.keys()))},
        Context,
    ],
)
def test_it_has_what_was_received(asked: Any) -> None:
    """However it is asked for, and it is read once."""
    propagation = Counting()
    expected = Propagation().extract(HEADERS)
    one = ReceivedContext(propagation, HEADERS)
    assert [] == propagation.read
    found = asked(one)
    assert set(expected) == set(found)
    assert baggage.get_all(context=Context(expected)) == baggage.get_all(context=Context(found))
    assert asked(one) == found
    assert 1 == len(propagation.read)


def test_it_is_a_context_like_any_other() -> None:
    """It may be current while it is read, and what is set on it is a context of its own."""
    one = ReceivedContext(Counting(), HEADERS)
    token = attach(one)
    try:
        assert current() is contexts.get_current() is one
        assert "7" == baggage.get_baggage("user")
        assert trace.get_current_span().get_span_context().is_remote
        two = contexts.set_value("key", 1)
    finally:
        detach(token)
    assert (1, None) == (two["key"], one.get("key"))
    assert "key" not in one
    assert 2 == len(one)


@pytest.mark.parametrize("headers", [[], HEADERS])
def test_whether_it_is_empty(headers: Any) -> None:
    """As a condition, and in comparisons."""
    one = ReceivedContext(Propagation(), headers)
    assert bool(headers) is bool(one)
    assert (one == {}) is not bool(headers)
    assert (ReceivedContext(Propagation(), headers) != {}) is bool(headers)


def test_it_never_changes() -> None:
    """As far as anybody can tell."""
    with pytest.raises(ValueError):  # noqa: PT011 -- OpenTelemetry says no more
        ReceivedContext(Propagation(), HEADERS)["key"] = 1


def test_another_implementation_keeps_the_context() -> None:
    """Then it is asked in its own way."""
    api: Any = SimpleNamespace(
        _RUNTIME_CONTEXT=object(), get_current="current", attach="attach", detach="detach"
    )
    found: Any = access(api)
    assert ("current", "attach", "detach") == found
    del api._RUNTIME_CONTEXT
    found = access(api)
    assert ("current", "attach", "detach") == found
    assert ("get", "set", "reset") == tuple(one.__name__ for one in access(contexts))
