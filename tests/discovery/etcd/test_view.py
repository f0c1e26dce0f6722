"""What is known of a service, after any answers."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.etcd._errors import StaleError
from meshlib.discovery.etcd._view import View

A, B, C = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))


def b64(text: str) -> str:
    """*text* as the gateway writes it."""
    return base64.b64encode(text.encode()).decode()


def put(key: str, value: str, revision: int = 0) -> dict[str, Any]:
    """A key with its value."""
    kv = {"key": b64(f"/p/users/{key}"), "value": b64(value), "mod_revision": str(revision)}
    return {"kv": kv}


def header(revision: int, cluster: str = "7", term: int = 2) -> dict[str, Any]:
    """What each answer begins with."""
    return {"cluster_id": cluster, "revision": str(revision), "raft_term": str(term)}


def view(*values: str, revision: int = 10) -> View:
    """A view that has read *values*, under the keys a, b, c..."""
    made = View("/p/users/", scheme="http", service="users")
    kvs = [put(key, value)["kv"] for key, value in zip("abc", values, strict=False)]
    made.add_page({"header": header(revision), "kvs": kvs, "count": str(len(kvs))})
    return made


def urls(known: View) -> list[str]:
    """The URLs that are known."""
    return [one.url for one in known.endpoints()]


def start(known: View) -> int:
    """The revision that the next watch begins with."""
    return int(known.watch_request()["create_request"]["start_revision"])


def test_a_range_ends_before_the_next_name() -> None:
    """All keys that begin with the name and its slash."""
    request = View("/p/users/", scheme="http", service="users").range_request()
    assert {"key": b64("/p/users/"), "range_end": b64("/p/users0"), "limit": 1000} == request


def test_a_watch_begins_after_what_is_known() -> None:
    """It asks to be told of progress, and to be sent large changes in parts."""
    assert {
        "key": b64("/p/users/"),
        "range_end": b64("/p/users0"),
        "start_revision": "11",
        "progress_notify": True,
        "fragment": True,
    } == view(A).watch_request()["create_request"]


def test_pages_show_one_revision() -> None:
    """Each page begins after the last key, at the revision of the first page."""
    known = View("/p/users/", scheme="http", service="users")
    known.add_page({"header": header(10), "kvs": [put("a", A)["kv"]], "more": True})
    assert not known.whole
    assert {
        "key": b64("/p/users/a\0"),
        "range_end": b64("/p/users0"),
        "limit": 1000,
        "revision": "10",
    } == known.range_request()
    known.add_page({"header": header(12), "kvs": [put("b", B)["kv"]]})
    assert known.whole
    assert [A, B] == urls(known)
    assert 11 == start(known)


def test_pages_that_do_not_go_on_are_refused() -> None:
    """The same page for ever would be read for ever."""
    known = View("/p/users/", scheme="http", service="users")
    page = {"header": header(10), "kvs": [put("b", B)["kv"]], "more": True}
    known.add_page(page)
    with pytest.raises(DiscoveryError, match="more keys come in order"):
        known.add_page({"header": header(10), "kvs": [put("a", A)["kv"]], "more": True})


def test_events_change_what_is_known() -> None:
    """A type that is left out is PUT; the next watch begins after the last event."""
    known = view(A, B)
    message = {
        "header": header(99),
        "events": [put("c", C, 12), {"type": "DELETE", **put("a", "", 13)}],
    }
    assert known.receive(message)
    assert [B, C] == urls(known)
    # The header's revision may be ahead of what has been sent.
    assert 14 == start(known)


def test_an_endpoint_that_stays_is_the_same_object() -> None:
    """Comparing thousands by value takes long."""
    known = view(A, B)
    before = known.endpoints()
    known.receive({"events": [put("a", A, 12), put("b", C, 12)]})
    assert before[0] is known.endpoints()[0]
    known.restart()
    known.add_page({"header": header(15), "kvs": [put("a", A)["kv"]]})
    assert before[0] is known.endpoints()[0]


def test_progress_moves_the_beginning_of_the_next_watch() -> None:
    """A message without events says how far everything has been sent."""
    known = view(A)
    assert not known.receive({"header": header(50)})
    assert 51 == start(known)
    assert not known.receive({"header": header(40)})
    assert 51 == start(known)


def test_the_confirmation_does_not_move_it() -> None:
    """Events before the revision in it are still to come."""
    known = view(A)
    assert not known.receive({"header": header(50), "created": True})
    assert 11 == start(known)


def test_fragments_count_when_they_are_whole() -> None:
    """A watch that breaks between two of them begins before both."""
    known = view(A)
    assert not known.receive({"events": [put("b", B, 20)], "fragment": True})
    assert 11 == start(known)
    assert known.receive({"events": [put("c", C, 20)]})
    assert 21 == start(known)
    assert [A, B, C] == urls(known)


@pytest.mark.parametrize(
    "message",
    [
        {"canceled": True, "compact_revision": "30", "header": {"cluster_id": "7"}},
        {"created": True, "header": header(9)},
        {"created": True, "header": header(50, cluster="8")},
        {"created": True, "header": header(50, term=1)},
    ],
)
def test_what_cannot_be_continued_is_stale(message: dict[str, Any]) -> None:
    """Compacted, gone back to an earlier revision, or of another cluster."""
    known = view(A)
    with pytest.raises(StaleError):
        known.receive(message)
    known.restart()
    assert not known.whole
    assert "revision" not in known.range_request()


def test_a_later_term_is_no_surprise() -> None:
    """Leaders change; what is known stays."""
    known = view(A)
    assert not known.receive({"created": True, "header": header(10, term=3)})


def test_one_bad_value_is_left_out() -> None:
    """It becomes good, or goes, like any other."""
    known = view(A, "ftp://b", json.dumps({"url": C, "weight": 0}))
    assert [A] == urls(known)
    known.receive({"events": [put("b", B, 11)]})
    assert [A, B] == urls(known)


def test_nothing_but_bad_values_is_a_failure() -> None:
    """And nothing at all is none; so is nothing that takes traffic."""
    with pytest.raises(DiscoveryError, match="nothing in etcd can be called"):
        view("ftp://b").endpoints()
    assert () == view().endpoints()
    assert () == view(json.dumps({"url": C, "weight": 0})).endpoints()


REAL: list[Any] = [
    {"header": header(10), "kvs": [put("a", A)["kv"], put("b", B)["kv"]], "count": "2"},
    {"header": header(10), "kvs": [put("a", A)["kv"]], "more": True, "count": "2"},
    {"header": header(11), "created": True},
    {"header": header(12), "events": [put("c", C, 12), {"type": "DELETE", **put("a", "", 12)}]},
    {"header": header(12), "events": [put("c", C, 12)], "fragment": True},
    {"header": header(13)},
    {"header": {"cluster_id": "7"}, "canceled": True, "compact_revision": "30"},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A real answer, some place of which holds something else."""
    document = copy.deepcopy(draw(st.sampled_from(REAL)))
    at = document
    while isinstance(at, dict | list) and at:
        place = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[place], dict | list) or draw(st.booleans()):
            at[place] = draw(JSON)
            break
        at = at[place]
    return document


@given(st.lists(mutated() | JSON | st.sampled_from(REAL), max_size=6))
def test_any_answers_are_endpoints_or_a_discovery_error(answers: list[Any]) -> None:
    """Nothing but DiscoveryError, whatever the server sends."""
    known = View("/p/users/", scheme="http", service="users")
    for answer in answers:
        try:
            if known.whole:
                known.receive(answer)
                json.dumps(known.watch_request())
            else:
                json.dumps(known.range_request())
                known.add_page(answer)
            assert all(isinstance(one, Endpoint) for one in known.endpoints())
        except StaleError:
            known.restart()
        except DiscoveryError:
            pass
