"""
The blocking driver: carries out what a `Call` decides, in the caller's thread.

The twin of `_async.py`, line by line; a test compares their syntax trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._libraries import check_request
from ..telemetry import CallReport
from ._attempt import Attempt
from ._bearing_sync import Bearing
from ._body_sync import CallStream
from ._call import Call
from ._fallback import as_response, fallback_of
from ._faulting import draw_fault
from ._headers import reference_of
from ._hedge_sync import Hedging
from ._injecting_sync import Injecting
from ._joined import Joined
from ._rejections import conclude, full, is_late, late, status_error
from ._schemes import HTTP_SCHEMES
from ._sdk import Sdk, based
from ._waiting import Waiter

_DRAIN_LIMIT = 65536
"""Bytes of a discarded response that are read to keep its connection."""
_DISCARD_TIMEOUT = 1.0
"""Seconds that discarding a response may take, also while its request is cancelled."""


class Driver:
    """
    Sends each request as a call of a mesh.

    *mesh* begins calls, *wire* sends attempts, *sleep* waits between them. One driver
    serves any number of threads.
    """

    def __init__(self, mesh: Any, wire: Any, *, sdk: Sdk, sleep: Callable[..., Any]) -> None:
        self._mesh = mesh
        self._begin = mesh.begin
        self._wire = wire
        self._send_attempt = wire.send
        self._sdk = sdk
        self._request_kind = sdk.request
        self._stream_kind: Any = based(CallStream, sdk.http.SyncByteStream)
        self._sleep = sleep
        self._hedging = Hedging(self)
        self.bearing = Bearing(self)
        self._injecting = Injecting(self, wire, sdk, sleep)

    def handle_request(self, request: Any) -> Any:
        """
        The response to *request*, its body unread and bound to the call's permits.

        Raises what the wire raised in the last attempt, or a `MeshError`.
        """
        if request.__class__ is not self._request_kind:
            check_request(request, self._sdk.name)
        if reference_of(request)[0] not in HTTP_SCHEMES:
            self.check_scheme(request.url)
        call = self._begin(request)
        try:
            if call.special and call.unprepared:
                response = self._prepare(call)
                if response is not None:
                    return response
            if not call.admit():
                self._queue(call)
            if call.special:
                if call.faulted:
                    response = self._fault_call(call)
                    if response is not None:
                        return response
                if call.hedged:
                    return self._hedging.run(call)
            while True:
                attempt = call.start_attempt()
                try:
                    if attempt.fault is None:
                        response = self._send_attempt(attempt)
                    else:
                        response = self._injecting.send(attempt)
                except Exception as exc:
                    delay = call.fail_attempt(attempt, exc)
                    if delay is None:
                        raise
                    call.last_error = exc
                else:
                    delay = call.finish_attempt(attempt, response)
                    if delay is None:
                        if call.special:
                            if attempt.status == 401 and self.bearing.renewed(
                                call, attempt, response
                            ):
                                continue
                            if call.may_fall_back or call.faulted:
                                return self.deliver(call, attempt, response)
                        return self._bind(call, attempt, response)
                    self.discard(call, attempt, response)
                self.pause(delay)
        except Exception as exc:
            answer = self._answer_instead(call, exc)
            if answer is not None:
                return answer
            # No name here may hold the error: its traceback holds this frame.
            if is_late(call, exc):
                raise late(call) from exc
            conclude(call, exc)
            raise
        except BaseException as exc:
            conclude(call, exc)
            raise

    def check_scheme(self, url: Any) -> None:
        """Raise UnsupportedProtocol for a scheme that the wire, or the service, does not speak."""
        self._wire.check_scheme(url)
        self._mesh.directory.resolve(url)

    def _prepare(self, call: Call) -> Any:
        """What only some calls need: their route's answer, a first snapshot, a buffered body."""
        if call.routed is not None:
            response = call.routed.answer(call, self._sdk)
            if response is not None:
                return self._bind(call, None, response)
        if not call.service.ready:
            self._wait_ready(call)
        if call.credentials is not None:
            self.bearing.wait(call)
        if call.must_buffer:
            self._buffer(call)
        return None

    def _fault_call(self, call: Call) -> Any:
        """Draw a fault that acts outside retries, and carry out what precedes them."""
        fault = call.fault = draw_fault(call, "call")
        call.faulted = False
        if fault is None:
            return None
        response = self._injecting.before(call, fault, call.deadline)
        if response is not None:
            return self.deliver(call, None, response)
        call.faulted = True
        call.now = call.clock()  # what was waited belongs to no attempt
        return None

    def send(self, attempt: Attempt) -> Any:
        """Carry out one attempt, its fault included."""
        if attempt.fault is not None:
            return self._injecting.send(attempt)
        return self._send_attempt(attempt)

    def pause(self, seconds: float) -> None:
        """Wait between two attempts."""
        self._sleep(seconds)

    def deliver(self, call: Call, attempt: Attempt | None, response: Any) -> Any:
        """Hand *response* to the caller, its permits tied to the life of its body."""
        if call.faulted:
            call.faulted = False
            assert call.fault is not None
            altered = self._injecting.after(call, call.fault, call.deadline, response)
            if altered is not response:
                response, attempt = altered, None  # no endpoint gave it
        if call.may_fall_back and call.failed(attempt, response):
            try:
                answer = self._answer_instead(call, None)
            except BaseException:
                self.discard(call, attempt, response)
                raise
            if answer is not None:
                self.discard(call, attempt, response)
                return answer
        return self._bind(call, attempt, response)

    def _bind(self, call: Call, attempt: Attempt | None, response: Any) -> Any:
        """Tie the call's permits to the life of the response's body."""
        response.extensions["mesh"] = CallReport(call)
        service = call.service
        if call.special:
            call.answered(attempt, response)
        if call.special or service.listening or service.tracing is not None:
            call.finished(response.status_code, None)
        if response.is_closed:  # already in memory: nobody will close the stream
            call.close()
        else:
            response.stream = self._stream_kind(response.stream, call, attempt, self._wire)
        if service.cache is not None and attempt is not None:
            service.cache.offer(call.request, response)
        return response

    def discard(self, call: Call, attempt: Attempt | None, response: Any) -> None:
        """Drop a response that is retried."""
        call.last_error = status_error(call, response, self._sdk)
        try:
            # What a fault slows down is not waited for.
            self.drain(response, read=attempt is None or attempt.fault is None)
        finally:
            if attempt is not None:
                attempt.release()

    def drain(self, response: Any, *, read: bool = True) -> None:
        """Close *response*; a small body may be read before, so that its connection lives."""
        if response.is_closed:
            return
        self._wire.hurry(response.stream, _DISCARD_TIMEOUT)
        try:
            length = int(response.headers.get("content-length", _DRAIN_LIMIT))
            if read and length < _DRAIN_LIMIT:
                response.read()
        except (self._sdk.http_error, ValueError):
            pass  # its connection is lost, and the retry takes another one
        finally:
            response.close()

    def _answer_instead(self, call: Call, exc: Exception | None) -> Any:
        """The fallback's response, or None when there is none for this outcome."""
        if not call.may_fall_back:
            return None
        call.may_fall_back = False
        kind, value = fallback_of(call, self._sdk)
        if kind is None:
            return None
        try:
            if callable(value):
                value = value(call.request, exc)
            response = as_response(value, call.request, self._sdk)
            call.fell_back(kind, exc)
            response.extensions["mesh"] = CallReport(call)
            call.finished(response.status_code, None)
            call.forget_frames()
        except BaseException as failure:
            if exc is not None:  # else this goes through the handler of the call
                conclude(call, failure)
            raise
        call.close()
        return response

    def _queue(self, call: Call) -> None:
        """Wait in the bulkhead's queue for a permit."""
        bulkhead = call.lane.bulkhead
        waiter = Waiter(call.clock)
        if not bulkhead.enqueue(waiter):
            raise full(call)
        try:
            granted = waiter.wait(min(bulkhead.max_wait, call.deadline - call.now))
        except BaseException:
            if bulkhead.abandon(waiter):
                bulkhead.release()
            raise
        if not granted and not bulkhead.abandon(waiter):
            raise full(call)
        call.admitted()

    def _wait_ready(self, call: Call) -> None:
        """Wait for the first snapshot of a service that is still being discovered."""
        waiter = Waiter(call.clock)
        limit = min(call.policies.ready_timeout, call.deadline - call.now)
        if call.service.wait_ready(waiter):
            try:
                waiter.wait(limit)
            finally:
                call.service.stop_waiting(waiter)
        call.readied()

    def _buffer(self, call: Call) -> None:
        """Keep a streamed body, so that it can be sent again; a longer one is sent once."""
        limit = call.policies.retry.buffer_body
        chunks: list[bytes] = []
        size = 0
        rest = iter(call.body)
        for chunk in rest:
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                joined: Any = based(Joined, self._sdk.http.SyncByteStream)
                call.buffered(joined(chunks, rest), False)
                return
        call.buffered(self._sdk.byte_stream(b"".join(chunks)), True)
