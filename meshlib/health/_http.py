"""
A check by a request of HTTP/1.1.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
import h11

from ._checker import CheckFailedError
from ._kept import GoneError, KeptChecker
from ._options import BodyOptions, HttpCheckOptions
from ._place import Place
from ._trust import Trust
from ._wire import Wire

_MAX_BODY = 65536
"""Bytes; what stands beyond is neither read nor looked at."""


class HttpChecker(KeptChecker[tuple[int, bytes]]):
    """
    Sends a request and looks at status and body of the answer; follows no redirect.

    The answer is read to its end, so one that breaks off fails.
    """

    def __init__(
        self, options: HttpCheckOptions, *, trust: Trust, port: int | None, reuse: bool
    ) -> None:
        named = options.host and options.host.partition(":")[0]
        super().__init__(
            trust=trust,
            port=port,
            scheme=options.scheme,
            name=options.tls.server_name or named,
            reuse=reuse,
        )
        self._options = options
        self._http = h11.Connection(h11.CLIENT)
        self.headers: dict[str, str] = {}
        """Those of the last answer, their names in lower case."""

    def begin(self, wire: Wire, place: Place) -> None:
        """Speak HTTP from the beginning."""
        self._http = h11.Connection(h11.CLIENT)

    async def exchange(self, wire: Wire, place: Place) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.stage = "sending the request"
        try:
            await wire.send(self._request(place))
        except anyio.BrokenResourceError:
            raise GoneError("the connection was closed before the request was sent") from None
        self.stage = "waiting for the answer"
        response = await self._event(wire)
        while isinstance(response, h11.InformationalResponse):
            response = await self._event(wire)
        self.headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in response.headers}
        self.stage = "reading the body of the answer"
        body = bytearray()
        while len(body) <= _MAX_BODY and isinstance(event := await self._event(wire), h11.Data):
            body += event.data
        return response.status_code, bytes(body[:_MAX_BODY])

    def _request(self, place: Place) -> bytes:
        options, http = self._options, self._http
        headers = [
            ("Host", options.host or place.authority),
            ("User-Agent", "meshlib-health"),
            ("Accept", "*/*"),
            *options.headers.items(),
        ]
        if options.method not in ("GET", "HEAD"):
            headers.append(("Content-Length", "0"))
        if not self._reuse:
            headers.append(("Connection", "close"))
        request = h11.Request(
            method=options.method, target=place.path + options.path, headers=headers
        )
        return (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")

    async def _event(self, wire: Wire) -> Any:
        http = self._http
        try:
            while (event := http.next_event()) is h11.NEED_DATA:
                try:
                    data = await wire.receive()
                except anyio.BrokenResourceError:
                    data = b""
                if not data and http.their_state is h11.SEND_RESPONSE and not http.trailing_data[0]:
                    raise GoneError("the connection was closed without an answer")
                http.receive_data(data)
        except h11.RemoteProtocolError as exc:
            raise CheckFailedError(f"the answer is no proper HTTP: {exc}") from exc
        return event

    def is_reusable(self) -> bool:
        """Whether request and answer have ended, and neither side announced the end."""
        http = self._http
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        http.start_next_cycle()
        return True

    def judge(self, answer: tuple[int, bytes]) -> None:
        """Compare status and body with what they should be."""
        options, (status, body) = self._options, answer
        if not any(first <= status <= last for first, last in options.status):
            raise CheckFailedError(f"status {status} is not {_told(options.status)}")
        if options.body is not None:
            _judge_body(options.body, body)


def _judge_body(options: BodyOptions, body: bytes) -> None:
    if options.contains is not None and options.contains.encode() not in body:
        raise CheckFailedError(f"the body does not contain {options.contains!r}")
    if "json_" in options.model_fields_set:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise CheckFailedError("the body is no JSON") from None
        if not _has(found, options.json_):
            raise CheckFailedError(f"the body has not {json.dumps(options.json_)}")


def _has(found: Any, wanted: Any) -> bool:
    """Whether *found* is what is *wanted*, in mappings with more beside it."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _has(found[key], value) for key, value in wanted.items())
    # True is 1 to Python, and not to JSON.
    return bool(found == wanted) and isinstance(found, bool) is isinstance(wanted, bool)


def _told(ranges: tuple[tuple[int, int], ...]) -> str:
    return " or ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
