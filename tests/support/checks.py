"""Active checks of one endpoint, made one after the other."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from meshlib import Endpoint
from meshlib.health import HealthCheckOptions
from meshlib.health._crew import Crew
from meshlib.health._make import checker_maker
from meshlib.health._schedule import Entry


class Checks:
    """
    Makes checks of *url* by options, as a monitor does: `async with Checks(url, ...) as checks`.

    Awaiting `checks()` makes one, which gives None or the reason why it failed.
    """

    def __init__(self, url: str, *, timeout: float = 20.0, **options: Any) -> None:
        self.options = HealthCheckOptions.model_validate({"timeout": timeout, **options})
        self.entry = Entry(Endpoint(url), self.options)
        self.crew = Crew(checker_maker(self.options), timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.crew.aclose()

    async def __call__(self) -> str | None:
        """Check once."""
        return await self.crew.check(self.entry)


async def checked(url: str, **options: Any) -> str | None:
    """The result of one check: None, or the reason why it failed."""
    async with Checks(url, **options) as checks:
        return await checks()
