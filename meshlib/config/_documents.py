"""
A document that all processes read, and the ones it replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from .._clock import Clock, wall
from .._exceptions import ConfigurationError, ConflictError
from ._load import load_content
from .store import Stored, StoreKey, Version

_KEPT = 20
"""Documents in the history; the oldest leaves first."""
_SUFFIX = ".history/"
_MARK = b"# meshlib: replaced "
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """
    A document of the history.

    *number* counts from 1. *replaced_at* is in seconds since the epoch, by the clock of
    whoever replaced it; None where that is not known.
    """

    number: int
    content: bytes
    replaced_at: float | None


class DocumentStore:
    """
    The document at *key*, which the meshes that watch it follow, and its history.

    A document that is replaced is kept beside it, at `<key>.history/<number>`, under a
    first line that says when; the last 20 are. *check* raises ConfigurationError for a
    content that must not be put; by default it must be valid in this process' environment.

    Everything raises StoreError for what the store does not do. Free of event loops.
    """

    def __init__(
        self,
        key: StoreKey,
        *,
        check: Callable[[bytes], object] | None = None,
        wall_clock: Clock = wall,
    ) -> None:
        self.key = key
        self._check = check or self._load
        self._wall = wall_clock

    async def get(self) -> Stored | None:
        """The document now; None for none."""
        return await self.key.get()

    async def put(self, content: bytes, *, expected: Version | None = None) -> bool:
        """
        Replace the document with *content*; False when it says so already.

        With *expected*, only if it has that version, else ConflictError. Without, whatever
        is there is replaced and kept. ConfigurationError for an invalid *content*.
        """
        self._check(content)
        for _ in range(_ATTEMPTS):
            current = await self.key.get()
            if expected is not None and (current is None or current.version != expected):
                break
            if current is not None and current.content == content:
                return False
            if await self._replace(current, content):
                return True
        raise ConflictError(
            "somebody else has replaced the document meanwhile", store=self.key.location
        )

    async def history(self) -> tuple[StoredDocument, ...]:
        """The documents that were replaced, the oldest first."""
        found = []
        for number in await self._numbers():
            stored = await self._entry(number).get()
            if stored is not None:  # which somebody has deleted, or made room for others
                found.append(_parsed(number, stored.content))
        return tuple(found)

    async def rollback(self, number: int | None = None) -> int:
        """
        Put a document of the history again, by default the last one that says something else.

        Returns its number. The one that it replaces is kept, too. ConfigurationError when
        there is no such document, or it is not valid any more.
        """
        current = await self.key.get()
        now = None if current is None else current.content
        entries = await self.history()
        chosen = [
            one
            for one in entries
            if (one.content != now if number is None else one.number == number)
        ]
        if not chosen:
            raise ConfigurationError(
                f"{self.key.location}: the history has no such document",
                hint=f"there are {', '.join(str(one.number) for one in entries) or 'none'}",
            )
        document = chosen[-1]
        # What was read here is what is replaced: a newer one by somebody else stays.
        await self.put(document.content, expected=None if current is None else current.version)
        return document.number

    async def _replace(self, current: Stored | None, content: bytes) -> bool:
        """Keep *current*, then replace it; of the two, only a copy too many does no harm."""
        if current is None:
            return await self.key.compare_and_set(content, None)
        numbers = await self._numbers()
        number = max(numbers, default=0) + 1
        when = datetime.fromtimestamp(self._wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = b"%b%b\n%b" % (_MARK, when.encode(), current.content)
        while not await self._entry(number).compare_and_set(kept, None):
            number += 1  # somebody else was quicker
        if not await self.key.compare_and_set(content, current.version):
            await self._entry(number).delete()
            return False
        for old in numbers[: max(len(numbers) + 1 - _KEPT, 0)]:
            await self._entry(old).delete()
        return True

    async def _numbers(self) -> list[int]:
        prefix = self.key.key + _SUFFIX
        names = (one.removeprefix(prefix) for one in await self.key.store.names(prefix))
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def _entry(self, number: int) -> StoreKey:
        return self.key.beside(f"{_SUFFIX}{number}")

    def _load(self, content: bytes) -> None:
        load_content(self.key, content)


def _parsed(number: int, content: bytes) -> StoredDocument:
    line, newline, rest = content.partition(b"\n")
    if not line.startswith(_MARK) or not newline:
        return StoredDocument(number, content, None)  # which was put there by hand
    try:
        when = datetime.fromisoformat(line.removeprefix(_MARK).decode())
        at = when.timestamp()
    except (ValueError, OverflowError):
        return StoredDocument(number, content, None)
    return StoredDocument(number, rest, at)
