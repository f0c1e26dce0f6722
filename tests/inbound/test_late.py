"""A request that is served is read when somebody asks, which nobody can tell."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from meshlib._context import ServedRequest
from meshlib._marks import Marks
from meshlib.inbound._late import LateServedRequest, late_served_request
from meshlib.inbound._reading import Here

Said = Any


def said(number: int = 7) -> Said:
    """What is known of a request that says nothing."""
    here = Here("orders", "id{}".format)
    return (here, True, {}, False, "10.0.0.9", None, None, None, number, Marks())


PLAIN = ServedRequest(
    request_id="id7",
    client_ip="10.0.0.9",
    origin="id7",
    headers=((b"x-request-id", b"id7"), (b"x-meshlib-chain", b"id7;1;orders")),
)


def test_is_what_it_is_read_as() -> None:
    """For whoever compares it, on either side, hashes it or shows it."""
    assert PLAIN == late_served_request(said())
    assert late_served_request(said()) == PLAIN
    assert late_served_request(said()) == late_served_request(said())
    assert late_served_request(said(8)) != PLAIN
    other: Any = "id7"
    assert late_served_request(said()) != other
    assert hash(PLAIN) == hash(late_served_request(said()))
    assert repr(PLAIN) == repr(late_served_request(said()))
    assert isinstance(late_served_request(said()), ServedRequest)


@pytest.mark.parametrize("copied", [copy.copy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_is_read(copied: Any) -> None:
    """A copy is a plain one; so much that it holds could not be copied."""
    made = copied(late_served_request(said()))
    assert PLAIN == made
    assert ServedRequest is type(made)


def test_a_changed_one() -> None:
    """`dataclasses.replace` works as with any other."""
    changed = dataclasses.replace(late_served_request(said()), tenant="acme")
    assert dataclasses.replace(PLAIN, tenant="acme") == changed


def test_all_who_ask_have_the_same_marks() -> None:
    """Whatever was asked before."""
    known = said()
    served = late_served_request(known)
    assert known[-1] is served.marks is served.marks
    assert served.read().marks is known[-1] if isinstance(served, LateServedRequest) else False


def test_it_has_no_other_attributes_and_is_frozen() -> None:
    """Neither to be read nor to be set."""
    served: Any = late_served_request(said())
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = served.nothing
    with pytest.raises(dataclasses.FrozenInstanceError):
        served.tenant = "acme"
