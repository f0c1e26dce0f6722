"""What the demo counts, and which requests it says should have been saved."""

from __future__ import annotations

import io
from collections import Counter
from contextvars import copy_context
from pathlib import Path

import httpx
import pytest

from meshlib import Endpoint, Event
from meshlib._demo.board import Board, figures, quantile, to_be_saved
from meshlib._demo.replicas import Replicas, always_one_healthy
from meshlib._demo.traffic import Order, Record, current
from meshlib._demo.view import LiveView, View, percent
from meshlib.events import (
    AttemptFinished,
    BreakerChanged,
    ConfigurationApplied,
    HedgeStarted,
    RetryRefused,
    RetryScheduled,
)

FOREVER = float("inf")


def record(
    *,
    method: str = "GET",
    key: str | None = None,
    status: int | None = 503,
    error: Exception | None = None,
) -> Record:
    """A request to users from 10.0 to 11.0 that was lost, unless said otherwise."""
    order = Order(0.0, True, method, "users", "/x", key)
    return Record(order, 10.0, 11.0, None if error else status, error)


def sick(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> Replicas:
    """Replicas that never started, those of users sick in these spans."""
    replicas = Replicas()
    replicas["users-1"].sick = first
    replicas["users-2"].sick = second
    return replicas


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], True),
        ([(0.0, FOREVER)], [], True),
        ([(0.0, FOREVER)], [(10.5, 10.6)], False),
        ([(0.0, FOREVER)], [(9.0, 10.1)], False),
        ([(0.0, FOREVER)], [(9.0, 10.0)], True),
        ([(0.0, 10.5)], [(10.5, 12.0)], True),
        ([(0.0, 10.5)], [(10.4, 12.0)], False),
        ([(0.0, FOREVER)], [(11.5, 12.0)], True),
    ],
)
def test_always_one_healthy(
    first: list[tuple[float, float]], second: list[tuple[float, float]], expected: bool
) -> None:
    """Both sick at the same instant between 10 and 11 is what counts."""
    assert expected is always_one_healthy(sick(first, second).of("users"), 10.0, 11.0)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (record(), True),
        (record(status=429), True),
        (record(status=200), False),
        (record(status=404), False),
        (record(error=httpx.ReadError("reset")), True),
        (record(method="POST"), False),
        (record(method="POST", key="k"), True),
        (record(method="POST", error=httpx.ReadError("reset")), False),
        (record(method="POST", error=httpx.ConnectError("refused")), True),
    ],
)
def test_what_should_be_saved(lost: Record, expected: bool) -> None:
    """A lost request that could be sent again, while a replica was healthy."""
    assert ([lost] if expected else []) == to_be_saved([lost], sick([(0.0, FOREVER)], []))


def test_nothing_can_be_saved_without_a_healthy_replica() -> None:
    """Nor when the budget refused the retry."""
    assert [] == to_be_saved([record()], sick([(0.0, FOREVER)], [(10.5, 10.7)]))
    refused = record()
    refused.budget_refused = True
    assert [] == to_be_saved([refused], sick([], []))


def test_figures() -> None:
    """Lost requests count, and latencies are over all requests."""
    records = [record(), record(status=200)]
    records[1].ended = 13.0
    of = figures(records, sick([], []), Counter(retries=3, hedges=2))
    assert (2, 1, 1, 3, 2) == (
        of.requests,
        of.lost,
        of.should_have_been_saved,
        of.retries,
        of.hedges,
    )
    assert (3.0, 3.0) == (of.p50, of.p99)
    assert 0.5 == of.as_json()["success_rate"]
    assert 1.0 == figures([], sick([], []), Counter()).success_rate


def test_quantile() -> None:
    """The value below which a share of the others lie."""
    assert 0.0 == quantile([], 0.5)
    assert 99.0 == quantile([float(number) for number in range(100)], 0.99)
    assert 50.0 == quantile([float(number) for number in range(100)], 0.5)


def test_percent_does_not_round_up() -> None:
    """One lost request in a hundred thousand is not success."""
    assert "99.99 %" == percent(1.0 - 1e-5)
    assert "100.00 %" == percent(1.0)


def attempt(url: str, outcome: str) -> Event:
    """An attempt of 20 ms that ended."""
    return AttemptFinished(
        service="users",
        endpoint=Endpoint(url),
        number=1,
        outcome=outcome,
        status=None,
        error=None,
        elapsed=0.02,
        fault=None,
    )


def a_board(said: list[str]) -> Board:
    """A board of one replica on which every kind of event is written."""
    board = Board({"http://a": "users-1"}, said.append)
    board(attempt("http://a", "success"))
    board(attempt("http://a", "broken"))
    board(RetryScheduled(service="users", number=1, outcome="broken", delay=0.0))
    board(HedgeStarted(service="users", number=2))
    board(ConfigurationApplied(changed=()))
    board(
        BreakerChanged(
            service="users", endpoint=Endpoint("http://a"), old="closed", new="open", cause=503
        )
    )
    return board


def test_board_counts_events() -> None:
    """Attempts by endpoint, retries and hedges, and the state of the breaker, which is said."""
    said: list[str] = []
    board = a_board(said)
    [(name, line, elapsed)] = board.rows()
    assert ("users-1", "open", 2, 1) == (name, line.state, line.attempts, line.failures)
    assert [0.02, 0.02] == elapsed
    assert (1, 1) == (board.counts["retries"], board.counts["hedges"])
    assert ["breaker of users-1: closed → open"] == said
    board.clear()
    [(_, line, elapsed)] = board.rows()
    assert ("open", 0, []) == (line.state, line.attempts, elapsed)
    assert not board.counts


def test_board_finds_the_request_whose_retry_was_refused() -> None:
    """Only a refusal by the budget excuses a lost request, and only this one."""
    lost, board = record(), Board({}, print)

    def refuse() -> None:
        current.set(lost)
        board(RetryRefused(service="users", number=3, outcome="broken", reason="attempts"))
        assert not lost.budget_refused
        board(RetryRefused(service="users", number=1, outcome="broken", reason="budget"))

    copy_context().run(refuse)
    board(RetryRefused(service="users", number=1, outcome="broken", reason="budget"))
    assert lost.budget_refused
    assert 2 == board.counts["no retry: budget"]


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


def test_live_view_shows_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets the table of the endpoints, and the same lines as a file."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    view = LiveView(out)
    with view.watching(a_board([])):
        view.playing("meshlib")
        view.say("[brackets] stay")
    text = out.getvalue()
    assert "users-1" in text
    assert "20.0 ms" in text
    assert "[brackets] stay" in text
    assert "\x1b" in text


def test_view_writes_lines() -> None:
    """What the mesh did is told in words and in one row for each endpoint."""
    out = io.StringIO()
    view = View(out)
    with view.watching(a_board([])):
        view.survived(a_board([]))
    assert "1 retries (1 after broken); 1 hedges" in out.getvalue()
    assert "users-1" in out.getvalue()


def test_demo_uses_public_names_only() -> None:
    """Whoever reads the demo may copy it."""
    folder = Path(__file__).parents[2] / "meshlib" / "_demo"
    lines = [line for file in folder.glob("*.py") for line in file.read_text("utf-8").splitlines()]
    assert [] == [line for line in lines if line.lstrip().startswith("from .._")]
    assert any(line.startswith("from .. import") for line in lines)
