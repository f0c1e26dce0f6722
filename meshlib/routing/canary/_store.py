"""
Where the record of a canary is kept, and how it is changed there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Protocol

from ._record import CanaryRecord, format_record, parse_record

Version = int | str
"""What a store tells two contents of one key by; the store's own."""


class Stored(NamedTuple):
    """A content, and the version to name when it is replaced."""

    content: bytes
    version: Version


class CanaryStore(Protocol):
    """
    One key of a store that several processes may change.

    Anything that it cannot do raises; who uses it then holds the last share.
    """

    async def get(self) -> Stored | None:
        """The content now, which must not be an old one; None for none."""

    async def compare_and_set(self, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""

    def watch(self) -> AsyncIterator[Stored]:
        """The content now and after each change; of several at once only the last need come."""


class Exchanged(NamedTuple):
    """The record as it is now, None for none, and whether the change was written."""

    record: CanaryRecord | None
    written: bool


async def exchange(
    store: CanaryStore,
    change: Callable[[CanaryRecord | None], CanaryRecord | None],
    *,
    attempts: int = 5,
) -> Exchanged:
    """
    Read the record, change it, and write it unless someone else did meanwhile.

    Then it is read and changed anew, up to *attempts* times. *change* must be pure: it may
    be asked several times. It returns None to leave the record as it is.

    Raises what the store raises, and ConfigurationError when its content is no record.
    """
    record = None
    for _ in range(attempts):
        stored = await store.get()
        record = None if stored is None else parse_record(stored.content)
        changed = change(record)
        if changed is None:
            break
        version = None if stored is None else stored.version
        if await store.compare_and_set(format_record(changed), version):
            return Exchanged(changed, True)
    return Exchanged(record, False)
