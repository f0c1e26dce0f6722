"""
A plain function as a balancer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._base import C, PickInfo


@dataclass(frozen=True, slots=True)
class FunctionBalancer:
    """
    Picks what *function* chooses of the candidates; it should neither block nor wait.

    It is called with all candidates and with what is known of the call at each pick. Equal
    to another one of the same function. As thread-safe as the function.
    """

    function: Callable[[Sequence[Any], PickInfo], Any]

    @property
    def name(self) -> str:
        """What the function is called."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose one of *candidates*."""
        chosen: C = self.function(candidates, info)
        return chosen
