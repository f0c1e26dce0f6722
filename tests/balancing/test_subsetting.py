"""Which endpoints of a large service a process uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from meshlib._models import Endpoint
from meshlib.balancing import Subsetting, SubsettingOptions, choose_subset, default_keys


def endpoints_of(numbers: Iterable[int], **more: str) -> list[Endpoint]:
    """Endpoints by number."""
    return [Endpoint(f"http://10.0.0.1:{n}", metadata=more) for n in numbers]


SETS = st.sets(st.integers(1, 60_000), max_size=200)


@given(numbers=SETS, size=st.integers(1, 50), key=st.text())
def test_size_is_as_asked_and_the_order_stays(numbers: set[int], size: int, key: str) -> None:
    """All of a small service, and *size* of a large one, in the order they were told in."""
    endpoints = endpoints_of(numbers)
    chosen = choose_subset(endpoints, size, key)
    assert min(size, len(endpoints)) == len(chosen)
    assert [each for each in endpoints if each in chosen] == list(chosen)
    assert chosen == choose_subset(endpoints, size, key)


@given(numbers=SETS, size=st.integers(1, 50), come=st.integers(60_001, 65_000))
def test_one_change_changes_one_of_the_chosen(numbers: set[int], size: int, come: int) -> None:
    """Who comes takes at most one place, and who leaves gives one; the order is irrelevant."""
    before = choose_subset(endpoints_of(sorted(numbers)), size, "k")
    after = choose_subset(endpoints_of([come, *sorted(numbers, reverse=True)]), size, "k")
    left, came = set(before) - set(after), set(after) - set(before)
    assert len(left) <= 1
    assert came <= set(endpoints_of([come]))
    assert set(before) == set(choose_subset(endpoints_of(numbers), size, "k"))


def test_churn_is_a_share_of_what_changed() -> None:
    """A tenth of the endpoints is replaced: about a tenth of a subset is."""
    size, clients = 20, 50
    old, new = endpoints_of(range(1, 1001)), endpoints_of(range(101, 1101))
    lost = sum(
        len(set(choose_subset(old, size, f"c{n}")) - set(choose_subset(new, size, f"c{n}")))
        for n in range(clients)
    )
    assert 0.05 < lost / (size * clients) < 0.2


def test_endpoints_are_used_by_about_as_many_clients() -> None:
    """1000 clients of 20 among 200: each endpoint has 100 on average, and 100 ± 45 at most."""
    endpoints = endpoints_of(range(1, 201))
    used = Counter(
        each.url for n in range(1000) for each in choose_subset(endpoints, 20, f"host-{n}/1")
    )
    assert len(used) == 200
    assert min(used.values()) > 55
    assert max(used.values()) < 145


def test_each_group_keeps_its_own() -> None:
    """The few of a small group are all kept."""
    endpoints = endpoints_of(range(1, 101))
    groups = [n < 3 for n in range(100)]
    chosen = choose_subset(endpoints, 5, "k", groups)
    kept = [endpoints.index(each) for each in chosen]
    assert kept[:3] == [0, 1, 2]
    assert len(kept) == 8
    assert kept == sorted(kept)


def subsetting(
    size: int = 2, by: tuple[str, ...] | None = None, key: str | None = "k"
) -> Subsetting:
    """As a service has it whose routes go by versions."""
    return Subsetting(
        SubsettingOptions(size=size, by=by, key=key),
        levels=default_keys,
        by=("version",),
        identity=iter("abcdef").__next__,
    )


def test_levels_and_versions_keep_endpoints() -> None:
    """A canary of one is always among them, and so is who takes over."""
    stable, canary = endpoints_of(range(1, 50), version="v1"), endpoints_of([60], version="v2")
    cloud = [Endpoint(f"http://cloud:{n}", kind="cloud") for n in range(1, 10)]
    chosen = subsetting().choose([*stable, *canary, *cloud])
    counts = Counter((each.kind, each.metadata.get("version")) for each in chosen)
    assert {("local", "v1"): 2, ("local", "v2"): 1, ("cloud", None): 2} == counts


def test_what_is_told_apart_may_be_given() -> None:
    """An empty list tells no versions apart, and levels always."""
    versions = [*endpoints_of(range(1, 50), version="v1"), *endpoints_of([60], version="v2")]
    assert 2 == len(subsetting(by=()).choose(versions))
    assert ("version",) == subsetting().by
    assert ("zone",) == subsetting(by=("zone",)).by


def test_each_process_chooses_anew_without_a_key() -> None:
    """The process is asked whenever endpoints come, as a fork may have changed it."""
    own = subsetting(key=None)
    assert own.is_own
    assert not subsetting().is_own
    endpoints = endpoints_of(range(1, 500))
    assert own.choose(endpoints) == choose_subset(endpoints, 2, "a")
    assert own.choose(endpoints) == choose_subset(endpoints, 2, "b")
