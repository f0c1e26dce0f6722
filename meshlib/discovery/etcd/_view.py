"""
What is known of the keys of one service.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from ._errors import EtcdError, MalformedError, StaleError
from ._layout import from_value
from ._wire import decode, encode, int64, mapping, sequence

_LOGGER = logging.getLogger("meshlib")
_PAGE = 1000
"""Keys read at once: decoding them holds the interpreter for a few milliseconds."""


@dataclass(frozen=True, slots=True)
class _Record:
    """One key's *value*, and what it means: an *endpoint*, a *problem*, or neither."""

    value: Any
    endpoint: Endpoint | None
    problem: ConfigurationError | None


class View:
    """
    The endpoints under *prefix*, first read page by page, then kept by the messages of a watch.

    `whole` says whether everything has been read. Pure: it makes the requests and takes
    the answers.
    """

    def __init__(self, prefix: str, *, scheme: str, service: str) -> None:
        self._prefix = prefix.encode()
        # The first key after all that begin with the prefix, which ends with a slash.
        self._end = self._prefix[:-1] + bytes([self._prefix[-1] + 1])
        self._scheme = scheme
        self._service = service
        self._records: dict[bytes, _Record] = {}
        self._before: dict[bytes, _Record] = {}
        self.restart()

    def restart(self) -> None:
        """Read everything again."""
        # Most values will be the same, and need not be parsed again.
        self._before.update(self._records)
        self._records = {}
        self.whole = False
        self._from = self._prefix
        self._revision = 0  # of what has been read, and of the last change applied
        self._cluster = ""
        self._term = 0
        self._changed = False

    def endpoints(self) -> tuple[Endpoint, ...]:
        """
        Those that can be called.

        Raises DiscoveryError when something is registered and nothing of it can be called:
        that does not say that the service has no endpoints.
        """
        records = self._records.values()
        found = tuple(one.endpoint for one in records if one.endpoint is not None)
        if not found:
            for record in records:
                if record.problem is not None:
                    raise EtcdError(f"nothing in etcd can be called: {record.problem}")
        return found

    def range_request(self) -> dict[str, Any]:
        """What asks for the next page; all pages show the same revision of the store."""
        request = {"key": encode(self._from), "range_end": encode(self._end), "limit": _PAGE}
        if self._revision:
            request["revision"] = str(self._revision)
        return request

    def add_page(self, answer: Any) -> None:
        """Take the answer to `range_request`. Raises StaleError when it is of another cluster."""
        answer = mapping(answer, "an answer")
        revision = self._header(answer)
        if not self._revision:
            self._revision = revision
        key = b""
        for kv in sequence(answer.get("kvs"), "kvs"):
            key = self._put(mapping(kv, "a key with its value"))
        if not answer.get("more"):
            self.whole = True
            self._before = {}
        elif key < self._from:
            raise MalformedError("more keys come in order", answer)
        else:
            self._from = key + b"\0"

    def watch_request(self) -> dict[str, Any]:
        """What asks for all changes after what is known."""
        return {
            "create_request": {
                "key": encode(self._prefix),
                "range_end": encode(self._end),
                "start_revision": str(self._revision + 1),
                "progress_notify": True,
                "fragment": True,
            }
        }

    def receive(self, message: Any) -> bool:
        """
        Take a message of the watch; True when the endpoints may have changed.

        Raises StaleError when everything must be read again: the changes asked for have
        been compacted away, or the store has gone back to an earlier state.
        """
        message = mapping(message, "a message")
        if message.get("compact_revision"):
            raise StaleError("the changes have been compacted away")
        if message.get("created"):
            # Asked for changes that are still to come, etcd waits for them without a word.
            if self._header(message) < self._revision:
                raise StaleError("the store has gone back to an earlier revision")
            return False
        events = sequence(message.get("events"), "events")
        revision = 0
        for event in events:
            revision = max(revision, self._apply(mapping(event, "an event")))
        if message.get("fragment"):
            # The rest of the same revision follows; it would be missed by starting after it.
            self._changed = True
            return False
        if not events:
            # Only here everything up to the revision of the header has been sent.
            revision = int64(mapping(message.get("header"), "a header").get("revision"), "revision")
        self._revision = max(self._revision, revision)
        changed, self._changed = self._changed or bool(events), False
        return changed

    def _header(self, message: dict[str, Any]) -> int:
        """The revision in the header, after a look at whose store it is."""
        header = mapping(message.get("header"), "a header")
        cluster = str(header.get("cluster_id", ""))
        term = int64(header.get("raft_term"), "raft_term")
        if self._cluster not in ("", cluster) or term < self._term:
            # Terms never go back, but where a new cluster has taken the place of the old.
            raise StaleError("another cluster answers")
        self._cluster, self._term = cluster, term
        return int64(header.get("revision"), "revision")

    def _apply(self, event: dict[str, Any]) -> int:
        kv = mapping(event.get("kv"), "kv")
        kind = event.get("type", "PUT")
        if kind == "DELETE":
            self._records.pop(decode(kv.get("key"), "a key"), None)
        elif kind == "PUT":
            self._put(kv)
        else:
            raise MalformedError("an event is PUT or DELETE", kind)
        return int64(kv.get("mod_revision"), "mod_revision")

    def _put(self, kv: dict[str, Any]) -> bytes:
        key = decode(kv.get("key"), "a key")
        value = kv.get("value")
        if key != self._prefix:  # which some tools make, like a directory
            record = self._records.get(key) or self._before.get(key)
            if record is None or record.value != value:
                record = self._parsed(key, value)
            self._records[key] = record
        return key

    def _parsed(self, key: bytes, value: Any) -> _Record:
        try:
            return _Record(value, from_value(decode(value, "a value"), self._scheme), None)
        except ConfigurationError as exc:
            name = key.decode(errors="replace")
            _LOGGER.warning("etcd: %s: %s left out: %s", self._service, name, exc)
            return _Record(value, None, exc)
