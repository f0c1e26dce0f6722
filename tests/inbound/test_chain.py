"""The chain of calls, as it is written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.inbound._chain import Chain, chain_name, read_chain, write_chain


def test_write_chain_adds_its_own_name() -> None:
    """The next service is one deeper, and finds us behind those before us."""
    assert b"id7;3;shop,cart,orders" == write_chain("id7", 2, ("shop", "cart"), "orders")


@pytest.mark.parametrize(
    ("said", "chain"),
    [
        (None, None),
        (b"id7;0;", Chain("id7", 0, ())),
        (b"id7;2;shop,cart", Chain("id7", 2, ("shop", "cart"))),
        (b"id7;40;shop", Chain("id7", 40, ("shop",))),
        (b"id7;1;shop,cart", None),
        (b"id7;-1;shop", None),
        (b"id7;1000;shop", None),
        (b"id7;1;shop,", None),
        (b"id7;1;sh op", None),
        (b";1;shop", None),
        (b"id7;1", None),
        (b"id7;1;shop,id8;1;cart", None),
        (b"id7;1;" + b"a" * 65, None),
        (b"id7;99;" + b",".join([b"a"] * 33), None),
        (b"id7;99;" + b"a" * 3000, None),
    ],
)
def test_read_chain(said: bytes | None, chain: Chain | None) -> None:
    """What is malformed, too long or of less depth than names is none at all."""
    assert chain == read_chain(said)


def test_chain_stays_bounded() -> None:
    """After many services it has the first and the last names, and is still readable."""
    chain = Chain("id", 0, ())
    for number in range(1200):
        said = read_chain(write_chain(*chain, f"s{number}"))
        assert said is not None
        chain = said
    assert (999, 32) == (chain.depth, len(chain.stack))
    assert ("s0", "s1169", "s1199") == (chain.stack[0], chain.stack[1], chain.stack[-1])


@given(st.text())
def test_any_name_can_stand_in_a_chain(name: str) -> None:
    """Whatever a mesh is called, whoever is called can read it."""
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return
    written = write_chain("id", 0, (), chain_name(name))
    assert Chain("id", 1, (chain_name(name),)) == read_chain(written)
