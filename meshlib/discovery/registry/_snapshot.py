"""
The list of a service's instances, encoded once for all who want it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The instances of one service at one *revision*.

    *cursor* names this very list: it has the epoch of the database, the revision, and a
    checksum, since a database that was restored from a copy counts the same revisions
    again. *body* is the JSON, *event* the same for a watcher.
    """

    revision: int
    cursor: str
    body: bytes
    event: bytes


def encode(service: str, epoch: str, revision: int, texts: Sequence[str]) -> Snapshot:
    """The snapshot of the instances whose JSON is in *texts*."""
    instances = ",".join(texts)
    cursor = f"{epoch}.{revision}.{zlib.crc32(instances.encode()):08x}"
    head = json.dumps(
        {"service": service, "epoch": epoch, "revision": revision, "cursor": cursor},
        separators=(",", ":"),
    )
    body = f'{head[:-1]},"instances":[{instances}]}}'.encode()
    event = b"id: %b\nevent: instances\ndata: %b\n\n" % (cursor.encode(), body)
    return Snapshot(revision, cursor, body, event)
