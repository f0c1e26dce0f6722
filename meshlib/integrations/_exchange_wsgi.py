"""
One request of a WSGI server, from its arrival until its body is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from typing import Any

from .._clock import Clock
from .._context import ambient_deadline
from .._exceptions import DeadlineExceededError
from ..inbound import Arrival, ArrivalFault
from ._answers import LATE, Answer, as_text, start_answer

_WHOLE = (list, tuple)
"""Bodies that are there as a whole: nothing more of the application runs for them."""


class ExchangeWSGI:
    """
    Runs an application in a context of its own, and is the body of its answer.

    Driven by one thread at a time, though not always by the same.
    """

    __slots__ = (
        "_arrival", "_body", "_chunks", "_clock", "_closed", "_context", "_deadline", "_ended",
        "_replaced", "_route", "_start", "_started", "_status",
    )  # fmt: skip

    def __init__(
        self,
        arrival: Arrival,
        start_response: Callable[..., Any],
        clock: Clock,
        route: Callable[[], str | None] | None,
    ) -> None:
        self._arrival = arrival
        self._start = start_response
        self._clock = clock
        self._route = route
        self._deadline = arrival.deadline
        # So that nothing of it is left behind in the server's thread, wherever it breaks off.
        # It ends with the request, and nobody needs to leave it.
        self._context = copy_context()
        self._body: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] | None = None
        self._replaced: list[bytes] | None = None
        self._started = self._closed = self._ended = False
        self._status: int | None = None

    def run(
        self, app: Callable[[Any, Any], Iterable[bytes]], environ: dict[str, Any]
    ) -> Iterable[bytes]:
        """The body of the application's answer."""
        try:
            body: Iterable[bytes] = self._context.run(self._enter, app, environ)
        except DeadlineExceededError as error:
            if self._started or not self._passed():
                self._end(error)
                raise
            # A call was told to end, and the application with it.
            body = self._answer_late(None)
        except BaseException as error:
            self._end(error)
            raise
        self._body = body
        if self._replaced is None:
            if type(body) in _WHOLE:
                self._end(None)
                return body
            wrapper = environ.get("wsgi.file_wrapper")
            if isinstance(wrapper, type) and isinstance(body, wrapper):
                self._watch(body)
                return body
        return self

    def _enter(self, app: Callable[[Any, Any], Iterable[bytes]], environ: Any) -> Iterable[bytes]:
        self._arrival.__enter__()
        fault = self._arrival.fault
        if fault is not None:
            answer = _broken(fault)
            if answer is not None:
                return start_answer(self.start_response, answer, self._arrival.head.method)
        return app(environ, self.start_response)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """What the application begins its answer with; one that begins too late is a 504."""
        if self._replaced is not None:
            return _ignore
        if self._deadline is not None and self._clock() >= self._deadline:
            self._answer_late(exc_info)
            return _ignore
        self._started = True
        try:
            number = self._status = int(status[:3])
        except ValueError:
            number = 0
        if self._route is not None:
            self._arrival.route = self._route()
        if number >= 400:
            headers = [*headers, *map(as_text, self._arrival.marks())]
        if self._arrival.reports:
            headers = [*headers, as_text(self._arrival.report())]
        if exc_info is None:
            return self._start(status, headers)
        return self._start(status, headers, exc_info)

    def _passed(self) -> bool:
        return self._deadline is not None and self._clock() >= self._deadline

    def _answer_late(self, exc_info: Any) -> list[bytes]:
        self._started = True
        self._status = LATE.status
        method = self._arrival.head.method
        marks = self._arrival.marks()
        self._replaced = start_answer(self._start, LATE, method, exc_info, marks)
        return self._replaced

    # The body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._replaced is None:
            run = self._context.run
            try:
                if self._chunks is None:
                    self._chunks = run(iter, self._body)
                elif self._deadline is not None and self._clock() >= self._deadline:
                    raise DeadlineExceededError("the deadline of the request passed in its answer")
                chunk = run(next, self._chunks)
            except StopIteration:
                self._end(None)
                raise
            except BaseException as error:
                self._end(error)
                raise
            if self._replaced is None:
                return chunk
        # Maybe since this very chunk: a generator begins its answer with it.
        if self._replaced:
            return self._replaced.pop()
        raise StopIteration

    def close(self) -> None:
        """Called by the server at the end, whatever that was."""
        if self._closed:
            return
        self._closed = True
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                if self._ended and self._deadline is not None:
                    # Nobody waits for what comes now, which has no deadline any more.
                    self._context.run(ambient_deadline.set, None)
                self._context.run(close)
        except BaseException as error:
            self._end(error)
            raise
        if not self._ended:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        """Give the permit back, once."""
        if not self._ended:
            self._ended = True
            self._arrival.finish(self._status, error)

    def __del__(self) -> None:
        # A server that loses a body must not keep the permit.
        if not self._ended:
            self._end(None)

    def _watch(self, body: Any) -> None:
        """Learn of the end of *body*, a file that a server may send by itself."""
        close = getattr(body, "close", None)

        def closed() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self._end(None)

        try:
            body.close = closed
        except AttributeError:
            self._end(None)


def _broken(fault: ArrivalFault) -> Answer | None:
    """Wait as *fault* says; what it answers, if it does."""
    if fault.delay > 0:
        waiter = threading.Event()
        if fault.hold(waiter):
            try:
                waiter.wait(fault.delay)
            finally:
                fault.let_go(waiter)
    return fault.answer if fault.answer is not None and fault.stands() else None


def _ignore(_: bytes) -> None:
    """Swallow what is written to an answer that was replaced."""
