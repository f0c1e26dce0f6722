"""From records to endpoints."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.dns._endpoints import Target, from_addresses, from_targets


def endpoints(*targets: Target, by_name: bool = False, scheme: str = "http") -> list[Endpoint]:
    """The endpoints of *targets*."""
    return list(from_targets(targets, scheme=scheme, by_name=by_name, service="users"))


def test_each_address_is_an_endpoint() -> None:
    """With the port and the priority of its record, and the target's name beside it."""
    assert [
        Endpoint("http://10.0.0.1:80", 5.0, 10, metadata={"target": "a.test"}),
        Endpoint("http://10.0.0.2:81", 7.0, 20, metadata={"target": "b.test"}),
    ] == endpoints(
        Target(20, "b.test", 81, 7, ("10.0.0.2",)), Target(10, "a.test", 80, 5, ("10.0.0.1",))
    )


def test_addresses_of_one_target_share_its_weight() -> None:
    """A target gets its share of calls however many addresses it has."""
    found = endpoints(
        Target(0, "a.test", 80, 6, ("10.0.0.1", "10.0.0.2", "::1")),
        Target(0, "b.test", 80, 6, ("10.0.0.3",)),
    )
    assert {
        "http://10.0.0.1:80": 2.0,
        "http://10.0.0.2:80": 2.0,
        "http://[::1]:80": 2.0,
        "http://10.0.0.3:80": 6.0,
    } == {one.url: one.weight for one in found}


def test_targets_at_one_address_are_one_endpoint() -> None:
    """Their weights add up, within a priority; of two priorities the better one counts."""
    (found,) = endpoints(
        Target(0, "a.test", 80, 1, ("10.0.0.1",)),
        Target(0, "b.test", 80, 2, ("10.0.0.1",)),
        Target(1, "c.test", 80, 9, ("10.0.0.1",)),
    )
    assert (3.0, 0) == (found.weight, found.priority)


def test_by_name_an_endpoint_is_a_target() -> None:
    """Its host is what certificates name; addresses are not needed."""
    assert [Endpoint("https://a.test:443", 6.0)] == endpoints(
        Target(0, "a.test", 443, 6), by_name=True, scheme="https"
    )


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0], [1.0]),
        ([0, 0, 0], [1.0, 1.0, 1.0]),
        ([0, 10], [1.0, 10.0]),
        ([0, 0, 10], [0.5, 0.5, 10.0]),
        ([1, 1], [1.0, 1.0]),
    ],
)
def test_weight_0_is_a_very_small_chance(weights: list[int], expected: list[float]) -> None:
    """Where others have a weight; where none has, all are alike."""
    targets = [Target(0, f"{n}.test", 80, w, (f"10.0.0.{n}",)) for n, w in enumerate(weights)]
    assert expected == [one.weight for one in endpoints(*targets)]


def test_weights_are_those_of_a_priority() -> None:
    """A weight of another priority says nothing of this one."""
    found = endpoints(
        Target(0, "a.test", 80, 0, ("10.0.0.1",)), Target(1, "b.test", 80, 9, ("10.0.0.2",))
    )
    assert [1.0, 9.0] == [one.weight for one in found]


def rfc2782(weights: list[int], rng: random.Random) -> int:
    """The selection as RFC 2782 words it, for one priority; of zeros any one comes first."""
    order = [n for n, w in enumerate(weights) if w == 0]
    rng.shuffle(order)
    order += [n for n, w in enumerate(weights) if w > 0]
    drawn, running = rng.randint(0, sum(weights)), 0
    for n in order:
        running += weights[n]
        if running >= drawn:
            return n
    raise AssertionError("unreachable")


@pytest.mark.parametrize("weights", [[0, 3], [0, 0, 1, 2], [5, 1, 0, 0]])
def test_shares_are_those_of_the_algorithm_of_rfc_2782(weights: list[int]) -> None:
    """Drawn many times, each target comes as often as its weight says."""
    targets = [Target(0, f"{n}.test", 80, w, (f"10.0.0.{n}",)) for n, w in enumerate(weights)]
    found = endpoints(*targets)
    total, draws, rng = sum(one.weight for one in found), 20_000, random.Random(1)
    drawn = Counter(rfc2782(weights, rng) for _ in range(draws))
    for n, one in enumerate(found):
        assert drawn[n] / draws == pytest.approx(one.weight / total, abs=0.015)


def test_order_is_not_the_servers() -> None:
    """A server may turn its records round in each answer."""
    targets = [Target(n % 2, f"{n}.test", 80, n, (f"10.0.0.{n}",)) for n in range(5)]
    assert endpoints(*targets) == endpoints(*reversed(targets))
    assert ["http://1:80", "http://2:80"] == [
        one.url for one in from_addresses(["2", "1"], scheme="http", port=80, service="users")
    ]


def test_address_has_the_port_that_is_set() -> None:
    """Or that of the scheme."""
    found = from_addresses(["10.0.0.1", "::1"], scheme="https", port=8443, service="users")
    assert ["https://10.0.0.1:8443", "https://[::1]:8443"] == [one.url for one in found]
    (found,) = from_addresses(["10.0.0.1"], scheme="http", port=None, service="users")
    assert "http://10.0.0.1" == found.url


@pytest.mark.parametrize("bad", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_address_of_nobody_is_left_out(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    """A filtering resolver answers 0.0.0.0, at which a client would find itself."""
    (found,) = from_addresses([bad, "10.0.0.1"], scheme="http", port=80, service="users")
    assert "http://10.0.0.1:80" == found.url
    assert "nobody's address" in caplog.text
    with pytest.raises(DiscoveryError, match="nobody's address"):
        from_addresses([bad], scheme="http", port=80, service="users")


def test_record_that_cannot_be_called_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Port 0, and names that no URL can have."""
    (found,) = endpoints(
        Target(0, "a.test", 0, 1), Target(0, r"a\032b", 80, 1), Target(0, "b.test", 80, 1),
        by_name=True,
    )  # fmt: skip
    assert "http://b.test:80" == found.url
    assert 2 == len(caplog.records)


def test_targets_without_any_address_are_a_failure() -> None:
    """That does not say that the service has no endpoints; some without one are left out."""
    with pytest.raises(DiscoveryError, match=r"none of the 2 targets .* such as a\.test") as caught:
        endpoints(Target(0, "a.test", 80, 1), Target(0, "b.test", 80, 1))
    assert ("users", "dns") == (caught.value.service, caught.value.source)
    (found,) = endpoints(Target(0, "a.test", 80, 1), Target(0, "b.test", 80, 1, ("10.0.0.1",)))
    assert "http://10.0.0.1:80" == found.url


def test_nothing_makes_nothing() -> None:
    """An empty answer is an empty list."""
    assert [] == endpoints()
    assert () == from_addresses([], scheme="http", port=80, service="users")


targets = st.builds(
    Target,
    st.integers(0, 3),
    st.sampled_from(["a.test", "b.test", "", ".", "-", r"\000", "x" * 64, "[", "a b", "é"]),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.lists(st.ip_addresses().map(str), max_size=3).map(tuple),
)


@given(st.lists(targets, max_size=6), st.booleans())
def test_records_make_endpoints_or_a_discovery_error(records: list[Target], by_name: bool) -> None:
    """Whatever stands in them; each address once, in a settled order."""
    try:
        found = endpoints(*records, by_name=by_name)
    except DiscoveryError:
        return
    assert len({one.address for one in found}) == len(found)
    assert found == sorted(found, key=lambda one: (one.priority, one.url))
    assert all(one.weight > 0 for one in found)
