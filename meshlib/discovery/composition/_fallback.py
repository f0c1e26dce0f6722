"""
The first of several sources that knows.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ..._exceptions import DiscoveryError
from ..._models import Endpoint
from .._settings import flag, seconds
from .._snapshot import Snapshot
from .._timing import Timing
from ._alongside import News
from ._choice import Choice, Rules, choose
from ._follower import Follower
from ._nested import check_sources, make_sources

_LOGGER = logging.getLogger("meshlib")


class FallbackDiscovery:
    """
    The endpoints of the first of *sources*, in their order, that knows any.

    *sources* are sources, or what a document says of them. A later one is asked only while
    all before it fail, have no endpoints, or have said nothing for *wait* seconds (default
    2: a call waits 5 seconds for its first endpoints). Those before it are tried on, and
    the first that answers is used again at once.

    So that a short interruption changes nothing, the last endpoints of a source that fails
    stay in force for *hold* seconds (default 5: about three tries). With *accept_empty* an
    empty list is an answer as any other, and only a failure leads to the next source.

    When no source has endpoints, the list is empty if all of them say so, and else the
    fallback fails too. A list that is sent while an earlier source fails has its error as
    `Snapshot.error`.
    """

    name = "fallback"

    def __init__(
        self,
        sources: Sequence[Any],
        *,
        wait: Any = 2.0,
        hold: Any = 5.0,
        accept_empty: bool = False,
        _timing: Timing | None = None,
    ) -> None:
        self._sources = make_sources(sources)
        self._rules = Rules(
            wait=seconds(wait, "wait"),
            hold=seconds(hold, "hold"),
            accept_empty=flag(accept_empty, "accept_empty"),
        )
        self._timing = Timing() if _timing is None else _timing

    @staticmethod
    def check_settings(settings: Mapping[str, Any], path: str) -> None:
        """Check the sources that a document names, without making them."""
        check_sources(settings, path)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service* in the first source that has them."""
        news = News(self._timing)
        followers = [Follower(one, service, news.tell, self._timing) for one in self._sources]
        used: int | None = None
        told: object = None
        try:
            while True:
                choice = choose(followers, self._timing.clock(), self._rules)
                if self._start(followers, choice):
                    continue
                if choice.fails:
                    raise self._nobody_knows(service, followers)
                if choice.index is not None:
                    if choice.index != used:
                        self._report(service, followers, choice.index, used)
                        used = choice.index
                    error = _first_error(followers[: used + 1])
                    one = followers[used]
                    seen = (used, one.answers, one.version, error)
                    if seen != told:
                        told = seen
                        yield Snapshot(one.endpoints or (), age=one.age, error=error)
                        continue  # the consumer may have taken its time
                    for unneeded in range(choice.asked, len(followers)):
                        await followers[unneeded].aclose()
                        followers[unneeded] = Follower(
                            self._sources[unneeded], service, news.tell, self._timing
                        )
                await news.wait(choice.due)
        finally:
            for follower in followers:
                await follower.aclose()

    def _start(self, followers: Sequence[Follower], choice: Choice) -> bool:
        """Start what has to run; whether anything had not been started."""
        waiting = [one for one in followers[: choice.asked] if one.started_at is None]
        for follower in waiting:
            follower.start()
        return bool(waiting)

    def _report(
        self, service: str, followers: Sequence[Follower], index: int, used: int | None
    ) -> None:
        if used is None and index == 0:
            return
        error = _first_error(followers[:index])
        _LOGGER.log(
            logging.INFO if used is not None and index < used else logging.WARNING,
            "the endpoints of %s now come from %s%s",
            service,
            followers[index].name,
            f": {error}" if error else "",
        )

    def _nobody_knows(self, service: str, followers: Sequence[Follower]) -> DiscoveryError:
        reasons = "; ".join(f"{one.name}: {one.error or 'no endpoints'}" for one in followers)
        error = DiscoveryError(
            f"no source of the fallback has endpoints: {reasons}",
            service=service,
            source=self.name,
        )
        error.__cause__ = _first_error(followers)
        return error


def _first_error(followers: Sequence[Follower]) -> BaseException | None:
    return next((one.error for one in followers if one.error is not None), None)
