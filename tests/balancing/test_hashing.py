"""What ring hash and Maglev do with calls, candidates and tables."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from meshlib._models import Endpoint
from meshlib.balancing import BalancerOptions, digest_of, hash_identity, make_balancer

HASHING = ["ring_hash", "maglev", "ip_hash"]
SMALL = {
    "ring_hash": {"minimum_ring_size": 64},
    "ip_hash": {"minimum_ring_size": 64},
    "maglev": {"table_size": 127},
}


def _balancer(name: str, **settings: Any) -> Any:
    options = BalancerOptions.model_validate({name: {**SMALL[name], **settings}})
    return make_balancer(options, random.Random(1))


def test_identity_is_the_address_without_the_scheme() -> None:
    """What Envoy hashes, and a prefix where there is one."""
    assert hash_identity(Endpoint("http://127.0.0.1:90")) == "127.0.0.1:90"
    assert hash_identity(Endpoint("https://API.example.com/v1/")) == "api.example.com:443/v1"


def test_digest_is_envoys() -> None:
    """xxHash64 with seed 0 of the key in UTF-8; half a surrogate is a key too."""
    assert digest_of("münchen") == xxh64_intdigest("münchen".encode(), 0)
    assert digest_of("\ud800") != digest_of("")


def test_ring_picks_are_as_published(
    make_targets: Any, make_info: Any, vectors: dict[str, Any]
) -> None:
    """A key goes to the owner of its digest among Envoy's positions."""
    targets = make_targets(6)
    ring = vectors["ring"]["cases"][0]["ring"]
    pick = _balancer("ring_hash", minimum_ring_size=12).prepare(targets)
    for number in range(300):
        key = f"user-{number}"
        owner = next((o for position, o in ring if position >= digest_of(key)), ring[0][1])
        assert targets[owner] is pick(make_info(hash_key=key))


def test_maglev_picks_are_as_published(
    make_targets: Any, make_info: Any, vectors: dict[str, Any]
) -> None:
    """A key goes to the owner of its slot in Envoy's table."""
    targets = make_targets(6)
    table = vectors["maglev"]["tables"][0]["table"]
    pick = _balancer("maglev", table_size=7).prepare(targets)
    for number in range(100):
        key = f"user-{number}"
        assert targets[table[digest_of(key) % 7]] is pick(make_info(hash_key=key))


@pytest.mark.parametrize("name", HASHING)
@pytest.mark.parametrize("factor", [None, 200])
@given(key=st.text(), order=st.permutations(range(6)))
def test_key_stays_whatever_the_order(
    make_targets: Any, make_info: Any, name: str, factor: int | None, key: str, order: list[int]
) -> None:
    """Two processes that discover the endpoints in another order agree on each key."""
    targets = make_targets(6)
    balancer = _balancer(name, hash_balance_factor=factor)
    other = balancer.prepare(tuple(targets[number] for number in order))
    info = make_info(hash_key=key)
    assert other(info) is balancer.pick(targets, info) is other(info)


@pytest.mark.parametrize("name", HASHING)
@pytest.mark.parametrize("factor", [None, 200])
def test_call_without_key_goes_to_any(
    make_targets: Any, make_info: Any, name: str, factor: int | None
) -> None:
    """Calls that have no key are spread by random draws."""
    targets = make_targets(4)
    pick = _balancer(name, hash_balance_factor=factor).prepare(targets)
    picked = Counter(pick(make_info()).endpoint.url for _ in range(400))
    assert len(picked) == 4
    assert min(picked.values()) > 20


@pytest.mark.parametrize("name", HASHING)
@pytest.mark.parametrize("factor", [None, 200])
@given(key=st.text(), count=st.integers(2, 30))
def test_tried_candidates_are_passed_over_until_none_is_left(
    make_targets: Any, make_info: Any, name: str, factor: int | None, key: str, count: int
) -> None:
    """Each further attempt of a call goes to another candidate, always in the same order."""
    targets = make_targets(count)
    pick = _balancer(name, hash_balance_factor=factor).prepare(targets)
    tried: list[Any] = []
    for _ in range(count):
        info = make_info(hash_key=key, tried=tried)
        chosen = pick(info)
        assert chosen not in tried
        assert chosen is pick(info)
        tried.append(chosen)
    assert pick(make_info(hash_key=key, tried=tried)) is tried[0]


def test_ring_walks_to_the_next_owner(
    make_targets: Any, make_info: Any, vectors: dict[str, Any]
) -> None:
    """The second attempt goes to the next other owner on the ring, as in Envoy."""
    targets = make_targets(6)
    ring = vectors["ring"]["cases"][0]["ring"] * 2
    pick = _balancer("ring_hash", minimum_ring_size=12).prepare(targets)
    for number in range(100):
        key = f"user-{number}"
        start = next((i for i, (at, _) in enumerate(ring[:12]) if at >= digest_of(key)), 0)
        first = ring[start][1]
        second = next(owner for _, owner in ring[start:] if owner != first)
        info = make_info(hash_key=key, tried=[targets[first]])
        assert targets[second] is pick(info)


def test_ring_without_room_for_an_untried_candidate_stays(
    make_targets: Any, make_info: Any
) -> None:
    """On a ring too small for all, those off it are never found by walking."""
    targets = make_targets(3)
    pick = _balancer("ring_hash", minimum_ring_size=1, maximum_ring_size=1).prepare(targets)
    owner = pick(make_info(hash_key="a"))
    assert owner is pick(make_info(hash_key="a", tried=[owner]))


def test_maglev_hashes_again(make_targets: Any, make_info: Any, vectors: dict[str, Any]) -> None:
    """The second attempt is Envoy's: the digest with all bits turned."""
    targets = make_targets(6)
    table = vectors["maglev"]["tables"][0]["table"]
    pick = _balancer("maglev", table_size=7).prepare(targets)
    checked = 0
    for number in range(100):
        digest = digest_of(f"user-{number}")
        first, second = table[digest % 7], table[(digest ^ (2**64 - 1)) % 7]
        if first != second:
            info = make_info(hash_key=f"user-{number}", tried=[targets[first]])
            assert targets[second] is pick(info)
            checked += 1
    assert checked > 50


@pytest.mark.parametrize("name", HASHING)
def test_tables_are_kept(make_targets: Any, name: str) -> None:
    """The last four sets of candidates cost no table again, and a new weight does."""
    balancer = _balancer(name)
    built = []
    build = type(balancer)._build
    targets = make_targets(6)

    class Counting(type(balancer)):  # type: ignore[misc]  # the class is a parameter
        """Counts the tables it builds."""

        __slots__ = ()

        def _build(self, keys: Any, weights: Any) -> Any:
            built.append(keys)
            return build(self, keys, weights)

    balancer.__class__ = Counting
    for missing in (0, 1, 2, 3, 0, 1, 2, 3):
        balancer.prepare(targets[:missing] + targets[missing + 1 :])
    assert len(built) == 4
    balancer.prepare(targets)
    balancer.prepare(targets[1:])
    assert len(built) == 6
    targets[0].endpoint = Endpoint(targets[0].endpoint.url, weight=2.0)
    balancer.prepare(targets)
    assert len(built) == 7
    targets[0].load.weight = 0.2
    balancer.renew()
    balancer.prepare(targets)
    assert len(built) == 7


@pytest.mark.parametrize("name", HASHING)
def test_kept_table_picks_the_candidates_of_now(
    make_targets: Any, make_info: Any, name: str
) -> None:
    """A table outlives the candidates it was built with."""
    balancer = _balancer(name)
    old, new = make_targets(3), make_targets(3)
    balancer.prepare(old)
    assert balancer.pick(new, make_info(hash_key="a")) in new


@pytest.mark.parametrize("name", HASHING)
def test_scheme_tells_apart_what_nothing_else_does(
    make_targets: Any, make_info: Any, name: str
) -> None:
    """One host and port by http and by https are two endpoints, and both get keys."""
    targets = make_targets(2)
    targets[0].endpoint = Endpoint("http://127.0.0.1:90")
    targets[1].endpoint = Endpoint("https://127.0.0.1:90")
    pick = _balancer(name).prepare(targets)
    assert {pick(make_info(hash_key=str(number))) for number in range(100)} == set(targets)


@pytest.mark.parametrize("name", HASHING)
def test_keys_follow_the_weights(make_targets: Any, make_info: Any, name: str) -> None:
    """A weight of three gets about three times the keys."""
    targets = make_targets([1.0, 3.0])
    settings = {"table_size": 65537} if name == "maglev" else {"minimum_ring_size": 4096}
    pick = _balancer(name, **settings).prepare(targets)
    picked = Counter(pick(make_info(hash_key=str(n))).endpoint.url for n in range(4000))
    assert picked[targets[1].endpoint.url] / 4000 == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("name", HASHING)
def test_few_keys_move_when_one_leaves(make_targets: Any, make_info: Any, name: str) -> None:
    """About one in n, through the balancer and its defaults."""
    targets = make_targets(10)
    balancer = make_balancer(BalancerOptions.model_validate(name), random.Random(1))
    before, after = balancer.prepare(targets), balancer.prepare(targets[1:])
    keys = [make_info(hash_key=str(number)) for number in range(2000)]
    moved = sum(before(info) is not after(info) for info in keys)
    assert 0.07 < moved / 2000 < (0.2 if name == "maglev" else 0.13)
