"""What differs between two lists of endpoints."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib.discovery import reconcile

A, B, C = (Endpoint(f"http://{name}:1") for name in "abc")

endpoints = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from(["http://a", "http://a:80", "http://A:80/", "http://b", "https://a"]),
        weight=st.sampled_from([1.0, 2.0]),
        priority=st.integers(0, 1),
        metadata=st.sampled_from([{}, {"zone": "a"}]),
    ),
    unique_by=lambda endpoint: endpoint.address,
)


def test_added_removed_and_kept_are_told_apart() -> None:
    """One that came, one that left, and one that stayed."""
    result = reconcile([A, B], [B, C])

    assert ((C,), (A,), (B,), ()) == (result.added, result.removed, result.kept, result.changed)
    assert not result.unchanged


def test_other_weight_is_a_change() -> None:
    """An endpoint whose weight, priority, kind or metadata differ is the same one, changed."""
    heavy = replace(A, weight=2.0)
    for other in (heavy, replace(A, priority=1), replace(A, kind="edge")):
        assert (other,) == reconcile([A], [other]).changed
    assert (replace(A, metadata={"zone": "a"}),) == (
        reconcile([A], [replace(A, metadata={"zone": "a"})]).changed
    )
    assert not reconcile([A], [heavy]).unchanged


def test_order_and_spelling_do_not_matter() -> None:
    """The same addresses in another order, or spelt otherwise, are unchanged."""
    old = [Endpoint("http://a"), B]
    new = [B, Endpoint("http://A:80/")]

    assert reconcile(old, new).unchanged
    assert set(new) == set(reconcile(old, new).kept)


@given(endpoints, endpoints)
def test_comparison_agrees_with_a_naive_one(old: list[Endpoint], new: list[Endpoint]) -> None:
    """Whatever the lists, the parts are those that comparing addresses gives."""
    before = {endpoint.address: endpoint for endpoint in old}
    after = {endpoint.address: endpoint for endpoint in new}
    result = reconcile(old, new)

    def same(one: Endpoint, other: Endpoint) -> bool:
        return replace(one, url="") == replace(other, url="")

    both = before.keys() & after.keys()
    assert {after[a] for a in after.keys() - both} == set(result.added)
    assert {before[a] for a in before.keys() - both} == set(result.removed)
    assert {after[a] for a in both if same(before[a], after[a])} == set(result.kept)
    assert {after[a] for a in both if not same(before[a], after[a])} == set(result.changed)


def test_long_lists_are_compared_by_their_urls() -> None:
    """Addresses are worked out for nothing whose URL stands in both lists."""
    asked: list[str] = []

    class Counting(Endpoint):
        @property
        def address(self) -> str:
            asked.append(self.url)
            return super().address

    old = [Counting(f"http://e{n}:1") for n in range(1000)]
    new = [Counting(f"http://e{n}:1") for n in range(1, 1001)]
    result = reconcile(old, new)

    assert 999 == len(result.kept)
    assert {"http://e0:1", "http://e1000:1"} == set(asked)
