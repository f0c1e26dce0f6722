"""
The last endpoints of another source, on disk for a cold start.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from ..._clock import Clock, wall
from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._registry import make_discovery
from .._settings import seconds
from .._snapshot import Snapshot
from .._timing import Timing
from ._alongside import Alongside, News
from ._disk import Saved, file_of, load, save
from ._follower import Follower
from ._nested import check_source

_LOGGER = logging.getLogger("meshlib")
_QUIET = 1.0
"""Seconds between two writes of one file, within which changes are gathered."""
_CONFIRM = 300.0
"""Seconds after which a list that still holds is written again, with the new time."""
_PATIENCE = 2.0
"""Seconds for reading a file, and for the last write when the watch ends."""


class CachedDiscovery:
    """
    The endpoints of *source*, and those of the last run while it does not answer.

    Each list is written to a file of the service in the directory *path*, in one step and
    off the event loop. When the source fails before its first list, or takes longer than
    *wait* seconds for it (default 2: a call waits 5 seconds for its first endpoints), the
    file's list is sent, as a `Snapshot` that says its age; the failure is raised all the
    same. In a process that has heard the source, its own last list takes the file's place.

    A file that is older than *max_age* seconds (default a day: by then addresses may be
    somebody else's), or is no whole snapshot, is left alone with a warning.

    Give each source a directory of its own. Processes may share it.
    """

    name = "cached"

    def __init__(
        self,
        source: Any,
        path: str | os.PathLike[str],
        *,
        max_age: Any = 86400.0,
        wait: Any = 2.0,
        _timing: Timing | None = None,
        _wall: Clock = wall,
    ) -> None:
        self._source = make_discovery(source, "source")
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ConfigurationError(f"a directory is needed, not {path!r}", path="path")
        self._directory = Path(path)
        self._max_age = seconds(max_age, "max_age")
        self._wait = seconds(wait, "wait")
        self._timing = Timing() if _timing is None else _timing
        self._wall = _wall
        self._memory: dict[str, Saved] = {}
        self._warned: dict[str, str] = {}

    @staticmethod
    def check_settings(settings: Mapping[str, Any], path: str) -> None:
        """Check the source that a document names, without making it."""
        check_source(settings, path)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*; first, if need be, those on disk."""
        news = News(self._timing)
        follower = Follower(self._source, service, news.tell, self._timing)
        writer = _Writer(file_of(self._directory, service), service, self)
        try:
            follower.start()
            await news.wait(self._wait)
            if not follower.answers:
                saved = await self._last(service, follower)
                if saved is not None:
                    # Never 0, which would say that the source lives.
                    age = max(0.001, self._wall() - saved.written)
                    yield Snapshot(saved.endpoints, age=age, error=follower.error)
            seen = (0, 0)
            while True:
                heard = (follower.answers, follower.version)
                if heard != seen and follower.endpoints is not None:
                    seen = heard
                    self._remember(service, follower)
                    writer.offer(follower.endpoints, follower.age)
                    yield Snapshot(follower.endpoints, age=follower.age, error=follower.error)
                if follower.failing and follower.error is not None:
                    if follower.endpoints is not None:
                        self._remember(service, follower)
                    raise follower.error
                await news.wait()
        finally:
            await follower.aclose()
            await writer.aclose()

    def _remember(self, service: str, follower: Follower) -> None:
        self._warned.pop(service, None)
        written = self._wall() - follower.age
        self._memory[service] = Saved(follower.endpoints or (), written)

    async def _last(self, service: str, follower: Follower) -> Saved | None:
        """What was known last, in this run or in the one before."""
        saved = self._memory.get(service)
        if saved is not None:
            return saved
        saved = await self._read(service)
        if saved is not None:
            count, age = len(saved.endpoints), self._wall() - saved.written
            reason = follower.error or "it does not answer"
            self._warn(
                service,
                "stale",
                f"{follower.name} for {service}: using {count} endpoint{'s' * (count != 1)} "
                f"on disk, {_spoken(age)} old: {reason}",
            )
        return saved

    async def _read(self, service: str) -> Saved | None:
        file = file_of(self._directory, service)
        with anyio.move_on_after(_PATIENCE):
            try:
                saved = await anyio.to_thread.run_sync(
                    lambda: load(file.read_bytes(), service), abandon_on_cancel=True
                )
            except FileNotFoundError:
                return None
            except (OSError, ConfigurationError) as exc:
                self._warn(service, "unusable", f"{file} is of no use: {exc}")
                return None
            age = self._wall() - saved.written
            if age <= self._max_age:
                return saved
            self._warn(service, "old", f"{file} is of no use: it is {_spoken(age)} old")
            return None
        self._warn(service, "slow", f"{file} cannot be read within {_PATIENCE:g} s")
        return None

    def _warn(self, service: str, what: str, message: str) -> None:
        """Log *message*; the same *what* once until the source answers."""
        if self._warned.get(service) != what:
            self._warned[service] = what
            _LOGGER.warning("%s", message)


class _Writer:
    """Writes what it is offered, the latest only, and again at times while that holds."""

    def __init__(self, file: Path, service: str, owner: CachedDiscovery) -> None:
        self._file = file
        self._service = service
        self._wall = owner._wall
        self._timing = owner._timing
        self._again = min(_CONFIRM, owner._max_age / 4) or math.inf
        self._news = News(owner._timing)
        self._task = Alongside(self._run)
        self._endpoints: tuple[Endpoint, ...] | None = None
        self._good_at = 0.0
        self._offered = self._written = 0
        self._problem = ""

    def offer(self, endpoints: tuple[Endpoint, ...], age: float) -> None:
        """Have *endpoints* written soon, if they differ from those before."""
        self._good_at = self._wall() - age
        if endpoints is not self._endpoints:
            self._endpoints = endpoints
            self._offered += 1
            self._news.tell()
        if not self._task.started:
            self._task.start()

    async def aclose(self) -> None:
        """Write what is not written yet, unless the disk takes too long."""
        await self._task.aclose()
        if self._written != self._offered:
            with anyio.move_on_after(_PATIENCE, shield=True):
                await self._write()

    async def _run(self) -> None:
        while True:
            if not await self._news.wait(self._again):
                self._good_at = self._wall()  # the source is watched, and says nothing new
            await self._write()
            await self._timing.sleep(_QUIET)

    async def _write(self) -> None:
        offered, endpoints = self._offered, self._endpoints or ()
        arguments = (self._file, self._service, endpoints, self._good_at)
        try:
            await anyio.to_thread.run_sync(save, *arguments, abandon_on_cancel=True)
            self._problem = ""
        except OSError as exc:
            problem = exc.strerror or str(exc)  # without the name of the temporary file
            if problem != self._problem:
                _LOGGER.warning(
                    "the endpoints of %s cannot be kept in %s: %s",
                    self._service,
                    self._file,
                    problem,
                )
            self._problem = problem
        self._written = offered


def _spoken(age: float) -> str:
    """`2 h 5 min`, as a person would say it."""
    minutes, rest = divmod(int(max(age, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
