"""Several pickers, each for its share."""

from __future__ import annotations

import random
from typing import Any

from meshlib.balancing import FunctionBalancer, by_shares, prepare


class Drawn(random.Random):
    """Draws these numbers, one after the other."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self._numbers = iter(numbers)

    def random(self) -> float:
        """The next one."""
        return next(self._numbers)


def says(word: Any) -> Any:
    """A picker of *word*."""
    return lambda info: word


def test_draws_fall_into_the_shares() -> None:
    """A share begins where the one before ends, and the last takes the rest."""
    rng = Drawn(0.0, 0.2499, 0.25, 0.7499, 0.75, 0.9999)
    pick = by_shares([(1, says("a")), (2, says("b")), (1.0, says("c"))], rng)
    info: Any = None
    assert ["a", "a", "b", "b", "c", "c"] == [pick(info) for _ in range(6)]


def test_one_share_draws_nothing() -> None:
    """The only picker is asked directly."""
    only = says("a")
    assert by_shares([(0.3, only)], Drawn()) is only


def test_function_is_a_balancer() -> None:
    """It gets candidates and what is known of the call, and is told apart by itself."""

    def second(candidates: Any, info: Any) -> Any:
        return candidates[info]

    balancer = FunctionBalancer(second)
    assert "second" == balancer.name
    assert FunctionBalancer(second) == balancer
    words: Any = ("a", "b")
    assert "b" == balancer.pick(words, 1)  # type: ignore[arg-type]  # a number will do
    pick: Any = prepare(balancer, words)
    assert "a" == pick(0)
    assert "Drawn" == FunctionBalancer(Drawn(0.5)).name  # type: ignore[arg-type]  # has no __name__
