"""
Keys that are no instances.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import httpx

from .._settings import seconds
from .._timing import Timing
from ._cluster import GATEWAY, LOCAL, TIMEOUT, Cluster
from ._errors import RefusedError, StaleError
from ._members import Members
from ._pace import Pace
from ._wire import decode, encode, int64, mapping, sequence

_SILENCE_JITTER = 0.2


class KeyValue(NamedTuple):
    """A key's content, and the revision of the store that it was put at."""

    content: bytes
    revision: int


class EtcdKeys:
    """
    Single keys of etcd v3: read, replaced where nobody else did meanwhile, and watched.

    The settings are those of `EtcdDiscovery`. Holds no connection between two requests, so
    it may be used on any event loop, on several at once, and after a fork.

    Everything raises EtcdError, a DiscoveryError, for what the cluster does not do; an
    answer from each member is waited for *timeout* seconds.
    """

    def __init__(
        self,
        addresses: str | Sequence[str] = LOCAL,
        *,
        username: str | None = None,
        password: str | None = None,
        password_file: str | None = None,
        tls: Any = None,
        gateway: str = GATEWAY,
        timeout: float | str = TIMEOUT,
        idle_timeout: float | str = 30.0,
        _timing: Timing | None = None,
    ) -> None:
        self._cluster = Cluster(
            addresses,
            username=username,
            password=password,
            password_file=password_file,
            tls=tls,
            gateway=gateway,
            timeout=timeout,
        )
        self.addresses = tuple(member.address for member in self._cluster.members)
        self._silence = seconds(idle_timeout, "idle_timeout", minimum=0.1)
        self._timing = Timing() if _timing is None else _timing

    async def get(self, key: str) -> KeyValue | None:
        """What *key* holds now, as a majority of the cluster has it; None for nothing."""
        async with self._members() as members:
            return (await _read(members, key))[0]

    async def replace(self, key: str, content: bytes, revision: int) -> bool:
        """
        Put *content* if *key* still has *revision*, 0 for a key that is not there; else False.

        Sent to another member only when the one before cannot have done it; an error may
        mean that it was done all the same.
        """
        name = encode(key.encode())
        request = {
            "compare": [
                {"key": name, "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
            ],
            "success": [{"request_put": {"key": name, "value": encode(content)}}],
        }
        async with self._members() as members:
            answer = mapping(await members.call("/kv/txn", request, resend=False), "an answer")
            return answer.get("succeeded") is True

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        async with self._members() as members:
            await members.call("/kv/deleterange", {"key": encode(key.encode())})

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*, in the order of their bytes."""
        start = prefix.encode()
        request = {
            "key": encode(start),
            "range_end": encode(start[:-1] + bytes([start[-1] + 1])),
            "keys_only": True,
        }
        async with self._members() as members:
            answer = mapping(await members.call("/kv/range", request), "an answer")
        found = (mapping(kv, "a key") for kv in sequence(answer.get("kvs"), "kvs"))
        return [decode(kv.get("key"), "a key").decode(errors="replace") for kv in found]

    async def watch(self, key: str) -> AsyncIterator[KeyValue | None]:
        """What *key* holds now and after each change; of several at once only the last."""
        pace = Pace(self._timing)
        async with self._members() as members:
            seen: list[KeyValue | None] = []
            while True:
                await pace.begin()
                # Reading it anew for each watch costs one small request, and needs none of
                # the care for what was missed: compaction, or a store that was restored.
                value, revision = await _read(members, key)
                if seen != [value]:
                    seen = [value]
                    yield value
                async with aclosing(self._changes(members, key, revision, pace)) as changes:
                    async for value in changes:
                        seen = [value]
                        yield value

    def _members(self) -> Members:
        return Members(self._cluster, self._timing)

    async def _changes(
        self, members: Members, key: str, revision: int, pace: Pace
    ) -> AsyncGenerator[KeyValue | None, None]:
        """One watch of what comes after *revision*, for as long as it lasts."""
        silence = self._silence * (1.0 + _SILENCE_JITTER * self._timing.rng.random())
        request = {
            "create_request": {
                "key": encode(key.encode()),
                "start_revision": str(revision + 1),
                "progress_notify": True,
            }
        }
        try:
            async with await members.open("/watch", request, silence) as stream:
                messages: list[dict[str, Any]] | None = stream.first
                while messages is not None:
                    values = [v for one in messages for v in _values(one, revision)]
                    if values:
                        yield values[-1]
                    messages = await stream.receive()
        except StaleError:
            return
        except RefusedError as exc:
            if not exc.elsewhere:
                raise
            members.turn()
        except httpx.ReadTimeout:
            pace.lasted()  # silence is no failure; a member that lives will say so
        except (httpx.HTTPError, OSError):
            members.turn()


async def _read(members: Members, key: str) -> tuple[KeyValue | None, int]:
    """What *key* holds, and the revision of the store that it was read at."""
    request = {"key": encode(key.encode())}
    answer = mapping(await members.call("/kv/range", request), "an answer")
    revision = int64(mapping(answer.get("header"), "a header").get("revision"), "revision")
    found = sequence(answer.get("kvs"), "kvs")
    return (_value(mapping(found[0], "a key with its value")) if found else None), revision


def _values(message: dict[str, Any], revision: int) -> list[KeyValue | None]:
    """The values that a message of a watch tells; StaleError when the key must be read anew."""
    if message.get("compact_revision"):
        raise StaleError("the changes have been compacted away")
    if message.get("created"):
        header = mapping(message.get("header"), "a header")
        # Asked for changes that are still to come, etcd waits for them without a word.
        if int64(header.get("revision"), "revision") < revision:
            raise StaleError("the store has gone back to an earlier revision")
    values: list[KeyValue | None] = []
    for one in sequence(message.get("events"), "events"):
        event = mapping(one, "an event")
        gone = event.get("type") == "DELETE"
        values.append(None if gone else _value(mapping(event.get("kv"), "kv")))
    return values


def _value(kv: dict[str, Any]) -> KeyValue:
    return KeyValue(decode(kv.get("value"), "a value"), int64(kv.get("mod_revision"), "revision"))
