"""How old an answer may be, and who may give it."""

from __future__ import annotations

import pytest

from meshlib.discovery.consul._freshness import Freshness

GOOD = {"x-consul-lastcontact": "0", "x-consul-knownleader": "true"}


@pytest.mark.parametrize(
    ("consistency", "cached", "params"),
    [
        ("default", False, {}),
        ("stale", False, {"stale": ""}),
        ("consistent", False, {"consistent": ""}),
        ("default", True, {"cached": ""}),
        ("stale", True, {"stale": "", "cached": ""}),
    ],
)
def test_asks_as_it_is_told(consistency: str, cached: bool, params: dict[str, str]) -> None:
    """The mode goes with the query; the leader is named only where he must answer."""
    freshness = Freshness(consistency, None, cached=cached)
    assert params == freshness.params(trust=True)
    assert {"leader": ""} == freshness.params(trust=False)


@pytest.mark.parametrize(
    ("headers", "old"),
    [
        ({}, False),
        ({"x-consul-lastcontact": "2000"}, False),
        ({"x-consul-lastcontact": "2001"}, True),
        ({"x-consul-lastcontact": "soon"}, True),
        ({"x-consul-lastcontact": "-1"}, True),
        ({"age": "2"}, False),
        ({"age": "3"}, True),
        ({"x-consul-knownleader": "false"}, True),
        ({"x-consul-knownleader": "True"}, False),
    ],
)
def test_an_answer_has_an_age(headers: dict[str, str], old: bool) -> None:
    """It is too old after so long without a leader or a server, and when there is no leader."""
    assert old == Freshness("stale", 2.0, cached=False).too_old({**GOOD, **headers})


def test_any_age_will_do() -> None:
    """Without a limit an answer is used even if nobody leads."""
    headers = {"x-consul-lastcontact": "9999999", "x-consul-knownleader": "false"}
    assert not Freshness("stale", None, cached=False).too_old(headers)


def test_trust_comes_back() -> None:
    """For a minute after an answer that was too old, only the leader is asked."""
    freshness = Freshness("stale", 2.0, cached=False)
    assert freshness.trusts(0.0)
    freshness.distrust(100.0)
    assert [False, False, True] == [freshness.trusts(now) for now in (100.0, 159.9, 160.0)]
