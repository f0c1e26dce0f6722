"""
One request to a WSGI application, served in a thread as a server does it (PEP 3333).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sized
from types import TracebackType
from typing import Any, cast

import h11

from . import _ends
from ._endpoint import WSGIEndpoint
from ._head import environ_of
from ._link import INTERNAL_ERROR, MAX_HEAD, Link, failure_head

_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType] | None


class WSGIExchange:
    """Runs the application of *link* once. `run` is the thread of the request."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._end = link.end
        self._endpoint = cast(WSGIEndpoint, link.endpoint)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head: h11.Response | None = None
        self._head_only = False
        self._pieces: int | None = None
        self._sent = False
        self._complete = False

    def run(self) -> None:
        """Serve the request; raises nothing."""
        try:
            request = self._event()
            if isinstance(request, h11.Request):
                self._serve(request)
        except (h11.RemoteProtocolError, BrokenPipeError):
            pass  # the client has left
        finally:
            if self._complete:
                self._end.outgoing.end()
            else:
                self._end.close()

    def _serve(self, request: h11.Request) -> None:
        self._head_only = request.method == b"HEAD"
        environ = environ_of(request, self._link)
        environ["wsgi.input"] = io.BufferedReader(_Input(self._read_body))
        environ["wsgi.errors"] = sys.stderr
        try:
            self._answer(self._endpoint.app(environ, self._start_response))
        except BaseException as exc:
            if isinstance(exc, OSError) and self._end.left:
                return
            if not self._link.failed(exc, answered=self._complete) and not self._sent:
                self._head = failure_head(500)
                self._pieces = None
                self._write(INTERNAL_ERROR)
                self._finish()

    def _answer(self, chunks: Iterable[bytes]) -> None:
        try:
            self._pieces = len(chunks) if isinstance(chunks, Sized) else None
            for chunk in chunks:
                if chunk:
                    self._write(chunk)
            if not self._sent:
                self._write(b"")
            self._finish()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ErrorInfo = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # its traceback holds this frame
        elif self._head is not None:
            raise AssertionError("start_response was called twice without exc_info")
        code, _, reason = status.partition(" ")
        self._head = h11.Response(
            status_code=int(code),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            reason=reason.encode("latin-1"),
        )
        return self._write

    def _write(self, chunk: bytes) -> None:
        if not self._sent:
            self._send_head(len(chunk))
        self._send(h11.Data(data=b"" if self._head_only else chunk))

    def _send_head(self, size: int) -> None:
        if self._head is None:
            raise AssertionError("the application wrote before it called start_response")
        head = self._head
        self._sent = True
        if self._pieces == 1 and not _has_framing(head):
            # A body of one piece is as long as that, say wsgiref and waitress, too.
            length = (b"Content-Length", str(size).encode())
            head = h11.Response(
                status_code=head.status_code,
                headers=[*head.headers.raw_items(), length],
                reason=head.reason,
            )
        self._send(head)

    def _finish(self) -> None:
        end = self._http.send(h11.EndOfMessage())
        self._complete = True
        # The rest of the request is read by nobody, and must not hold its sender up.
        self._end.incoming.ignore()
        _ends.write(self._end, end or b"")

    def _send(self, event: Any) -> None:
        _ends.write(self._end, self._http.send(event) or b"")

    def _read_body(self) -> bytes:
        """More of the request; empty at its end."""
        while True:
            if self._http.they_are_waiting_for_100_continue:
                self._send(
                    h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                )
            try:
                event = self._event()
            except h11.RemoteProtocolError as exc:
                raise ConnectionResetError(104, "Connection reset by peer") from exc
            if not isinstance(event, h11.Data):
                return b""
            if event.data:
                return bytes(event.data)

    def _event(self) -> Any:
        event = self._http.next_event()
        while event is h11.NEED_DATA:
            self._http.receive_data(_ends.read(self._end))
            event = self._http.next_event()
        return event


def _has_framing(head: h11.Response) -> bool:
    return head.status_code in (204, 304) or any(
        name in (b"content-length", b"transfer-encoding") for name, _ in head.headers
    )


class _Input(io.RawIOBase):
    """The body of a request as a file that ends where it ends, read when it is asked for."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._more()
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
