"""What may be tried again."""

from __future__ import annotations

import random

import pytest

from meshlib import _models
from meshlib._models import OutcomeClass
from meshlib.retry import RETRYABLE, RetryOptions, RetryPolicy

ANY = [_models.OVERLOADED, _models.NEVER_SENT, _models.POOL_TIMEOUT]
IDEMPOTENT = [_models.TRANSIENT, _models.UNAVAILABLE, _models.BROKEN, RETRYABLE]
NEVER = [
    _models.SUCCESS,
    _models.SERVER_ERROR,
    _models.CANCELLED,
    _models.DEADLINE,
    _models.CALLER_ERROR,
]


def policy(**options: object) -> RetryPolicy:
    """Make a policy with *options* and a fixed seed."""
    return RetryPolicy(RetryOptions.model_validate(options), rng=random.Random(0))


def test_options_are_taken_over() -> None:
    """What drivers need is a plain attribute."""
    made = policy(max_attempts=7, max_hint="2m", buffer_body=10)
    assert (7, 120.0, 10) == (made.max_attempts, made.max_hint, made.buffer_body)


def test_defaults_when_no_options() -> None:
    """Three attempts, hints up to five minutes, and no buffering."""
    made = RetryPolicy(rng=random.Random(0))
    assert (3, 300.0, 0) == (made.max_attempts, made.max_hint, made.buffer_body)


@pytest.mark.parametrize(("value", "attempts"), [(False, 1), (True, 3)])
def test_options_are_a_switch_when_boolean(value: bool, attempts: int) -> None:
    """`retry: false` makes one attempt, and true the default number."""
    assert attempts == RetryOptions.model_validate(value).max_attempts


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "get"])
def test_method_is_idempotent_when_http_says_so(method: str) -> None:
    """RFC 9110 lists them."""
    assert policy().is_idempotent(method)


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "BREW", ""])
def test_method_is_not_idempotent_otherwise(method: str) -> None:
    """What is not known to be safe is not."""
    assert not policy().is_idempotent(method)


def test_methods_are_configurable_in_any_case() -> None:
    """A service may know better, and replaces the list."""
    made = policy(methods=["search"])
    assert made.is_idempotent("SEARCH")
    assert not made.is_idempotent("GET")


@pytest.mark.parametrize("outcome", ANY)
def test_any_call_is_retried_when_nothing_was_processed(outcome: OutcomeClass) -> None:
    """What provably had no effect may be sent again."""
    assert policy().may_retry(outcome, idempotent=False, replayable=True)
    assert policy().may_retry(outcome, idempotent=True, replayable=True)


@pytest.mark.parametrize("outcome", IDEMPOTENT)
def test_only_idempotent_calls_are_retried_when_it_may_have_acted(outcome: OutcomeClass) -> None:
    """What may have been processed is sent again only where twice is as good as once."""
    assert policy().may_retry(outcome, idempotent=True, replayable=True)
    assert not policy().may_retry(outcome, idempotent=False, replayable=True)


@pytest.mark.parametrize("outcome", NEVER)
def test_nothing_is_retried_when_it_would_not_help(outcome: OutcomeClass) -> None:
    """Success, the caller's own doing and plain server errors are final."""
    assert not policy().may_retry(outcome, idempotent=True, replayable=True)


@pytest.mark.parametrize("outcome", ANY + IDEMPOTENT + NEVER)
def test_nothing_is_retried_when_the_body_is_gone(outcome: OutcomeClass) -> None:
    """No outcome makes it right to send half a body."""
    assert not policy().may_retry(outcome, idempotent=True, replayable=False)
