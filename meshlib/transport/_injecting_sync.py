"""
Carries out the faults of attempts and of calls.

To the application each looks like the real thing: it takes the time that the real one
takes, raises what httpx raises, and leaves the bytes that came before. A fault that is
called off while it waits lets the attempt go on untouched.
"""

from __future__ import annotations

import functools
from typing import Any

from .._clock import monotonic
from ..faults import Fault, corrupt
from . import _answering as answering
from ._attempt import Attempt
from ._call import Call
from ._failures import BLOCKING, disconnected, incomplete, wire_error
from ._fault_body_sync import FaultBody
from ._faulting import WAITS, address_of, error_of, plan_of, timeout_of
from ._sdk import based
from ._shape import Shape
from ._waiting import Waiter

_BUILDS = BLOCKING


class Injecting:
    """
    What a driver does about faults: *driver* sends what they leave alone, and discards.

    Where the clock is a test's own, it waits by the driver's *sleep*, and cannot be cut short.
    """

    def __init__(self, driver: Any, wire: Any, sdk: Any, sleep: Any) -> None:
        self._driver = driver
        self._wire = wire
        self._sdk = sdk
        self._fault_body: Any = based(FaultBody, sdk.http.SyncByteStream)
        self._sleep = sleep

    def send(self, attempt: Attempt) -> Any:
        """The outcome of *attempt*, its fault included."""
        call, fault = attempt.call, attempt.fault
        assert fault is not None
        response = self.before(call, fault, attempt.limit, attempt)
        if response is None:
            sent = self._wire.send(attempt)
            response = self.after(call, fault, attempt.limit, sent, attempt)
        return response

    def before(self, call: Call, fault: Fault, limit: float, attempt: Attempt | None = None) -> Any:
        """What comes in place of sending, or None when it is to be sent after all."""
        if fault.delay and not self._delay(call, fault, fault.delay, limit, attempt):
            return None
        if not fault.aborts or fault.when == "after" or fault.after_bytes is not None:
            return None
        if not self._wait(call, fault, limit, attempt):
            return None
        return self._abort(call, fault, attempt, False)

    def after(
        self,
        call: Call,
        fault: Fault,
        limit: float,
        response: Any,
        attempt: Attempt | None = None,
    ) -> Any:
        """What becomes of *response*, which is closed when that is an error."""
        try:
            if fault.delay_after:
                self._delay(call, fault, fault.delay_after, limit, attempt)
            if not plan_of(call).stands(fault):
                return response
            if not fault.aborts or fault.after_bytes is not None:
                return self._alter(call, fault, response, attempt)
            if not self._wait(call, fault, limit, attempt):
                return response
            http2 = answering.is_http2(response)
            self._driver.drain(response)
            return self._abort(call, fault, attempt, http2)
        except BaseException:
            self._driver.drain(response, read=False)
            raise

    # Aborts

    def _abort(self, call: Call, fault: Fault, attempt: Attempt | None, http2: bool) -> Any:
        if fault.status is not None:
            return answering.answer(fault, call.request, call.service.wall(), self._sdk)
        name = error_of(fault)
        if name == "disconnected":
            raise disconnected(self._sdk, http2)
        raise wire_error(self._sdk, _BUILDS, name, address_of(call, attempt))

    def _wait(self, call: Call, fault: Fault, limit: float, attempt: Attempt | None) -> bool:
        """Take the time that the abort takes; False when it was called off meanwhile."""
        # An abort is over at once, as Envoy's is; silence takes the time of the real thing.
        waits = fault.blackhole is not None or fault.after_bytes is not None
        kind = WAITS.get(error_of(fault)) if waits else None
        if kind is None:
            return plan_of(call).stands(fault)
        seconds = min(timeout_of(call, kind), limit - call.clock())
        return self._hold(call, fault, seconds, attempt)

    def _delay(
        self, call: Call, fault: Fault, seconds: float, limit: float, attempt: Attempt | None
    ) -> bool:
        """Hold an attempt back, as a slow server does; False when called off meanwhile."""
        left = min(timeout_of(call, "read"), limit - call.clock())
        stands = self._hold(call, fault, min(seconds, left), attempt)
        if stands and seconds >= left:
            raise wire_error(self._sdk, _BUILDS, "read_timeout")
        return stands

    def _hold(
        self, call: Call, fault: Fault, seconds: float, attempt: Attempt | None = None
    ) -> bool:
        """Wait; False when the fault was called off meanwhile."""
        seconds = max(seconds, 0.0)
        if call.clock is not monotonic and not hasattr(call.clock, "wait"):
            self._sleep(seconds)
            return plan_of(call).stands(fault)
        waiter = Waiter(call.clock)
        if attempt is not None:
            attempt.abort = waiter
        if plan_of(call).hold(fault, waiter):
            try:
                waiter.wait(seconds)
            finally:
                plan_of(call).let_go(waiter)
        if attempt is not None and attempt.settled:
            # It lost a race of hedges, so nobody waits for it.
            raise wire_error(self._sdk, _BUILDS, "reset")
        return plan_of(call).stands(fault)

    # Bodies

    def dawdle(self, call: Call, fault: Fault, seconds: float, limit: float) -> bool:
        """Wait before a piece of a body, as long as a read may; False when called off."""
        return self._delay(call, fault, seconds, limit, None)

    def linger(self, call: Call, fault: Fault, limit: float) -> bool:
        """Wait before a body breaks, where that takes time; False when called off."""
        return self._wait(call, fault, limit, None)

    def _alter(self, call: Call, fault: Fault, response: Any, attempt: Attempt | None) -> Any:
        """*response* with other headers, or with a body that the fault shapes."""
        effects = fault.response
        raw, stream = response.headers.raw, response.stream
        if effects is not None:
            changes = {**dict.fromkeys(effects.remove_headers), **effects.set_headers}
            raw = answering.edited(raw, changes)
        if answering.has_body(call.request, response.status_code):
            raw, stream = self._content(call, fault, response, raw)
            shape = Shape(fault)
            if not shape.changes_nothing:
                length = answering.length_of(self._sdk.headers(raw))
                http2 = answering.is_http2(response)
                failure: Any = functools.partial(self._failure, call, fault, attempt, http2, length)
                if fault.after_bytes is None and effects is not None and effects.silent:
                    failure = None
                    raw = answering.shortened(raw, shape.end, self._sdk)
                stream = self._fault_body(self, call, fault, stream, shape, failure, http2)
        return self._sdk.response_of(response.status_code, raw, stream, response.extensions)

    def _content(
        self, call: Call, fault: Fault, response: Any, raw: answering.Pairs
    ) -> tuple[answering.Pairs, Any]:
        """Headers and body after what takes the body as a whole."""
        effects = fault.response
        if effects is None:
            return raw, response.stream
        whole = [item for item in effects.corrupt if item.kind != "bytes"]
        if effects.body is None and not whole:
            return raw, response.stream
        content = b""
        if effects.body is None:
            for chunk in self._wire.chunks(response.stream, call):
                content += chunk
        else:
            content = effects.body.encode()
            raw = answering.edited(raw, answering.replaced(content))
        self._driver.drain(response, read=effects.body is not None)
        if whole:
            headers = {name.lower(): value for name, value in self._sdk.headers(raw).items()}
            content, changes = corrupt(whole, content, headers)
            raw = answering.edited(raw, changes)
            raw = answering.lengthened(raw, len(content))
        return raw, self._sdk.byte_stream(content)

    def _failure(
        self,
        call: Call,
        fault: Fault,
        attempt: Attempt | None,
        http2: bool,
        expected: int | None,
        received: int,
    ) -> Exception:
        name = error_of(fault)
        if name in ("", "disconnected"):
            return incomplete(self._sdk, http2, received, expected)
        return wire_error(self._sdk, _BUILDS, name, address_of(call, attempt))
