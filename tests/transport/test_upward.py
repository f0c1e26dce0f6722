"""What is taken out of failed answers, and what of it whoever called may learn."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib._context import ServedRequest, Serving, served_request
from meshlib._marks import FAULTS, RETRIES
from meshlib.events import RetryRefused
from support import FakeClock
from support.meshes import Caller

SPENT = {RETRIES: "spent"}
NAMED = {FAULTS: "stock/brownout, orders/reset"}


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the drivers."""
    return str(request.param)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A request that is being served meanwhile."""
    monkeypatch.setattr(Serving, "begun", True)
    served = ServedRequest(request_id="r")
    token = served_request.set(served)
    yield served
    served_request.reset(token)


def answer(status: int, headers: dict[str, str]) -> Any:
    """An answer for each request anew."""
    return lambda _: httpx.Response(status, headers=headers)


@pytest.mark.anyio
async def test_faults_below_are_named_in_the_report(kind: str, clock: FakeClock) -> None:
    """The names are in the report, and the application sees no trace of them."""
    caller = Caller(kind, clock, answer(503, NAMED), answer(404, {FAULTS: "stock/gone"}))
    response = await caller.call()
    report = response.extensions["mesh"]
    assert ("stock/brownout", "orders/reset", "stock/gone") == report.upstream_faults
    assert ("stock/gone",) == report.attempts[1].upstream_faults
    assert () == report.injected
    assert FAULTS not in response.headers
    assert "injected upstream: stock/brownout, orders/reset, stock/gone" in str(report)


@pytest.mark.anyio
async def test_an_answer_that_was_tried_again_below_is_not_tried_again(
    kind: str, clock: FakeClock
) -> None:
    """Three attempts on each of two layers are three, not nine."""
    caller = Caller(kind, clock, answer(503, SPENT), 200)
    response = await caller.call()
    assert 503 == response.status_code
    assert RETRIES not in response.headers
    assert ["spent"] == [event.reason for event in caller.told(RetryRefused)]


@pytest.mark.anyio
async def test_other_words_spend_nothing(kind: str, clock: FakeClock) -> None:
    """Only what is known to mean it stops a retry."""
    caller = Caller(kind, clock, answer(503, {RETRIES: "left"}), 200)
    assert 200 == (await caller.call()).status_code


@pytest.mark.anyio
async def test_an_outside_origin_tells_nothing(kind: str, clock: FakeClock) -> None:
    """What it sends is its own: neither a name nor a limit, and it reaches the application."""
    caller = Caller(kind, clock, answer(503, SPENT | NAMED), 200)
    request = httpx.Request("GET", "https://api.example.com/")
    response = await caller.send(request)
    await caller.read(response)
    assert 200 == response.status_code
    assert () == response.extensions["mesh"].upstream_faults


@pytest.mark.anyio
async def test_what_was_found_out_is_kept_for_whoever_called(
    kind: str, clock: FakeClock, served: ServedRequest
) -> None:
    """Names of faults from below and of our own, and that trying again did not help."""
    own = {"name": "cut", "match": {"service": "users"}, "abort": {"status": 503}}
    caller = Caller(kind, clock, 200, config={"faults": [own]})
    await caller.call()
    assert ["test/cut"] == list(served.marks.faults)
    assert served.marks.spent
    caller = Caller(kind, clock, answer(503, NAMED))
    await caller.call()
    assert ["test/cut", "stock/brownout", "orders/reset"] == list(served.marks.faults)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("script", "settings", "spent"),
    [
        ([503, 200], {}, False),
        ([503], {"retry": {"max_attempts": 1}}, False),
        ([503], {"retry": {"budget": {"ratio": 0.0, "min_per_second": 0}}}, True),
        ([answer(503, SPENT)], {}, True),
        ([503], {}, True),
    ],
)
async def test_retries_are_spent_when_they_were_in_vain(
    kind: str,
    clock: FakeClock,
    served: ServedRequest,
    script: list[Any],
    settings: dict[str, Any],
    spent: bool,
) -> None:
    """Not where the first attempt is the only one: then whoever called may try again."""
    await Caller(kind, clock, *script, **settings).call()
    assert spent == served.marks.spent
