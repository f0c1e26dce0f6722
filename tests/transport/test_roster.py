"""What a new list of endpoints changes, and that one which says nothing new costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import Endpoint
from meshlib.events import EndpointsChanged
from meshlib.transport import Service
from support import FakeClock
from support.meshes import service_of

URLS = ("http://a:80", "http://b:80", "http://c:80")


def same(**changes: Any) -> list[Endpoint]:
    """The list again, of new objects; *changes* are those of the first."""
    first, *rest = URLS
    return [Endpoint(first, **changes), *(Endpoint(url) for url in rest)]


def rebuilds(service: Service, endpoints: Any) -> bool:
    """Whether this list has the snapshot built anew."""
    before = service.pickable
    service.update(endpoints)
    return service.pickable is not before


def test_a_list_that_says_the_same_builds_nothing(clock: FakeClock) -> None:
    """Neither the very objects of before nor equal ones; who listens is told all the same."""
    events: list[Any] = []
    service = service_of(clock, events=events)
    assert not rebuilds(service, service.roster.told)
    assert not rebuilds(service, same())
    assert 3 == sum(isinstance(event, EndpointsChanged) for event in events)


@pytest.mark.parametrize(
    "changes",
    [{"weight": 2.0}, {"priority": 1}, {"kind": "cloud"}, {"metadata": {"version": "v2"}}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_said_of_an_endpoint_counts(clock: FakeClock, changes: Any) -> None:
    """Each of its values, in both directions; the target stays."""
    service = service_of(clock)
    target = service.targets[0]
    assert rebuilds(service, same(**changes))
    assert target is service.targets[0]
    assert same(**changes)[0] == target.endpoint
    assert rebuilds(service, same())
    assert not rebuilds(service, same())


def test_other_endpoints_another_order_and_another_spelling_count(clock: FakeClock) -> None:
    """What is written differently is another list, though it leads to the same targets."""
    service = service_of(clock)
    kept = set(service.targets)
    assert rebuilds(service, reversed(same()))
    assert rebuilds(service, [Endpoint(f"{url}/") for url in URLS])
    assert kept == set(service.targets)
    assert rebuilds(service, same()[:2])
    assert rebuilds(service, same())


def test_all_endpoints_are_used_once_there_are_no_subsets(clock: FakeClock) -> None:
    """The list is the one of before, and what is made of it another."""
    service = service_of(clock, subsetting={"size": 1})
    assert 1 == len(service.targets)
    service.apply(service_of(clock).policies)
    assert 3 == len(service.targets)


def test_a_first_list_without_endpoints_is_a_snapshot(clock: FakeClock) -> None:
    """It says that there are none, which is not the same as that nobody knows."""
    service = service_of(clock, ready=False)
    service.update(())
    assert service.ready
    assert 0 == service.pickable.total
