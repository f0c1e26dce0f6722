"""
A check by a function of the application.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._models import Endpoint
from ._calling import Callee


class CallChecker:
    """Calls the function with the endpoint; see `Callee` for what passes."""

    def __init__(self, function: Callable[[Endpoint], Any]) -> None:
        self.stage = ""
        self._callee = Callee(function)

    async def check(self, endpoint: Endpoint) -> None:
        """Pass when the function passes."""
        self.stage = "calling the function"
        await self._callee.call(endpoint)

    async def aclose(self) -> None:
        """There is nothing to close."""
