"""Sessions that stay on an endpoint, and where they go when it is gone."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib.routing import (
    Affinity,
    AffinityOptions,
    Session,
    SessionIndex,
    endpoint_id,
    parse_session,
)
from support.routes import call


class Target(NamedTuple):
    """An endpoint with something beside it."""

    endpoint: Endpoint


def targets(count: int, weight: float = 1.0) -> list[Target]:
    """So many targets."""
    return [Target(Endpoint(f"http://10.0.0.{n}:80", weight=weight)) for n in range(count)]


ONE = Endpoint("http://10.0.0.1:80")
NOW = 1_700_000_000.25


def test_session_by_hand() -> None:
    """Version, endpoint, a number of its own, and when it ends, which is rounded up."""
    session = Affinity(AffinityOptions(cookie="s", time_limit=60)).begin(ONE, NOW, 0.5)
    # 1_700_000_061 is 0x6553f13d; half of 2**32 is 0x80000000.
    assert f"1.{endpoint_id(ONE)}.80000000.6553f13d" == str(session)
    assert session == parse_session(str(session), NOW)
    assert "10.0.0.1" not in str(session)


def test_endpoint_is_known_by_its_address() -> None:
    """Weight and metadata may change; a port that goes without saying makes no difference."""
    again = Endpoint("http://10.0.0.1", weight=3, metadata={"version": "v2"})
    assert endpoint_id(ONE) == endpoint_id(again)
    assert endpoint_id(ONE) != endpoint_id(Endpoint("http://10.0.0.2"))
    assert 16 == len(endpoint_id(Endpoint("http://\ud800")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0123456789abcdef.00000001.0", Session("0123456789abcdef", "00000001", 0)),
        ("1.0123456789abcdef.00000001.65", None),
        (None, None),
        ("", None),
        ("1", None),
        ("2.0123456789abcdef.00000001.0", None),
        ("1.0123456789ABCDEF.00000001.0", None),
        ("1.0123456789abcdef.00000001.", None),
        ("1.0123456789abcdef.00000001.0\n", None),
        ("1.0123456789abcdef.00000001.ffffffffffff", None),
    ],
)
def test_what_is_no_session_is_none(text: str | None, expected: Session | None) -> None:
    """Anything else than a session that lasts is none, and no error."""
    assert expected == parse_session(text, 101.0)


@given(st.text())
def test_parsing_never_raises(text: str) -> None:
    """Whatever a browser sends."""
    parse_session(text, NOW, 5.0)
    parse_session(f"1.0123456789abcdef.00000001.{text}", NOW)


@pytest.mark.parametrize(
    ("expires", "limit", "valid"),
    [(101, 0, True), (100, 0, False), (160, 10, True), (171, 10, False), (0, 10, False)],
)
def test_time_limit_is_kept(expires: int, limit: float, valid: bool) -> None:
    """A session ends when it says, and none lasts longer than it may, clocks apart."""
    session = Session("0123456789abcdef", "00000001", expires)
    assert valid is (parse_session(str(session), 100.0, limit) is not None)


def test_session_travels_in_a_cookie() -> None:
    """It is set by a response, for as long as it lasts, and read from a request."""
    affinity = Affinity(AffinityOptions(cookie="mesh", time_limit=60, path="/app"))
    session = affinity.begin(ONE, 100.0, 0.0)
    header = affinity.header(session, 110.5)
    expected = f"mesh={session}; Path=/app; HttpOnly; SameSite=Lax; Max-Age=50"
    assert (b"set-cookie", expected.encode()) == header
    assert affinity.header(session, 1000.0)[1].endswith(b"; Max-Age=0")
    info = call(headers={"cookie": f"a=b; mesh={session}"})
    assert session == affinity.read(info, 159.9)
    assert affinity.read(info, 160.0) is None
    assert affinity.read(call(), 100.0) is None
    assert affinity.strict is False


def test_session_without_limit_ends_with_the_browser() -> None:
    """A cookie without an age."""
    affinity = Affinity(AffinityOptions(cookie="mesh", strict=True))
    session = affinity.begin(ONE, 100.0, 0.0)
    assert b"set-cookie" == affinity.header(session, 100.0)[0]
    assert b"Max-Age" not in affinity.header(session, 100.0)[1]
    assert session == affinity.read(call(headers={"cookie": f"mesh={session}"}), 1e9)
    assert affinity.strict is True


def test_session_travels_in_a_header() -> None:
    """The same text both ways."""
    affinity = Affinity(AffinityOptions(header="X-Session"))
    session = affinity.begin(ONE, 100.0, 0.999)
    assert (b"x-session", str(session).encode()) == affinity.header(session, 100.0)
    assert session == affinity.read(call(headers={"x-session": str(session)}), 100.0)


def test_session_stays() -> None:
    """As long as its endpoint is there, whatever else comes and goes."""
    some = targets(5)
    affinity = Affinity(AffinityOptions(cookie="s"))
    session = affinity.begin(some[3].endpoint, 0.0, 0.1)
    assert some[3] is SessionIndex(some).find(session)
    assert some[3] is SessionIndex(some[2:4]).find(session)
    assert SessionIndex(some[:3]).find(session) is None


def moved(sessions: list[Session], left: list[Target]) -> list[Target]:
    """Where sessions go."""
    index = SessionIndex(left)
    found = []
    for session in sessions:
        target, after = index.move(session) or pytest.fail("there is somewhere to go")
        assert target is index.find(after)
        assert (session.nonce, session.expires) == (after.nonce, after.expires)
        found.append(target)
    return found


def lost(count: int) -> list[Session]:
    """Sessions on an endpoint that is gone."""
    affinity = Affinity(AffinityOptions(cookie="s", time_limit=60))
    gone = Endpoint("http://10.0.9.9")
    return [affinity.begin(gone, 0.0, number / count) for number in range(count)]


def test_move_is_the_same_in_every_process() -> None:
    """The order of candidates does not matter, nor does chance."""
    some, sessions = targets(6), lost(200)
    assert moved(sessions, some) == moved(sessions, some[::-1])


def test_sessions_of_a_lost_endpoint_spread_by_weight() -> None:
    """One of the others with three times the weight takes three times as many."""
    some = [*targets(3), Target(Endpoint("http://heavy", weight=3))]
    counts = Counter(target.endpoint.url for target in moved(lost(6000), some))
    assert 3000 == pytest.approx(counts["http://heavy"], abs=200)
    for target in some[:3]:
        assert 1000 == pytest.approx(counts[target.endpoint.url], abs=150)


def test_only_sessions_of_what_is_lost_next_move_again() -> None:
    """Those that were to go elsewhere still go there with one candidate less."""
    some, sessions = targets(5), lost(300)
    first, second = moved(sessions, some), moved(sessions, some[1:])
    for was, now in zip(first, second, strict=True):
        assert was == now or was == some[0]


def test_nowhere_to_move() -> None:
    """Without candidates there is no new home."""
    empty: SessionIndex[Target] = SessionIndex([])
    assert empty.move(lost(1)[0]) is None
