"""
A check by gRPC's own protocol for it, `grpc.health.v1`.
"""

from __future__ import annotations

from typing import Any

import anyio

from .._exceptions import ConfigurationError
from ._checker import CheckFailedError
from ._grpc_answer import GrpcAnswer
from ._grpc_messages import PATH, request
from ._kept import GoneError, KeptChecker
from ._options import GrpcCheckOptions
from ._place import Place
from ._trust import Trust
from ._wire import Wire


class GrpcChecker(KeptChecker[GrpcAnswer]):
    """
    Asks for the status of a service; only SERVING passes.

    Needs h2; without it, making one raises ConfigurationError.
    """

    silent = False  # a server may ask for a sign of life, or tell its settings anew

    def __init__(
        self, options: GrpcCheckOptions, *, trust: Trust, port: int | None, reuse: bool
    ) -> None:
        try:
            import h2.connection
            import h2.events
            import h2.exceptions
        except ImportError:
            raise ConfigurationError(
                "checks by gRPC need the package h2",
                path="health_check.grpc",
                hint="install meshlib-client[http2]",
            ) from None
        named = options.authority and options.authority.partition(":")[0]
        super().__init__(
            trust=trust,
            port=port,
            scheme=options.scheme,
            name=options.tls.server_name or named,
            reuse=reuse,
        )
        self._h2 = h2
        self._options = options
        self._http: Any = None
        self._answered = False

    def begin(self, wire: Wire, place: Place) -> None:
        """Speak HTTP/2 from the beginning."""
        if place.secure and wire.protocol != "h2":
            raise CheckFailedError("the server does not offer HTTP/2")
        self._http = self._h2.connection.H2Connection()
        self._http.initiate_connection()
        self._answered = False

    async def exchange(self, wire: Wire, place: Place) -> GrpcAnswer:
        """All that the server answers."""
        answer = GrpcAnswer()
        try:
            stream = self._send_request(place)
            self.stage = "sending the request"
            await wire.send(self._http.data_to_send())
            self.stage = "waiting for the answer"
            while not answer.complete:
                data = await wire.receive()
                if not data:
                    raise GoneError("the connection was closed without an answer")
                if data.startswith(b"HTTP/1"):  # h2 would take it for a frame, and wait
                    raise CheckFailedError("the server does not speak HTTP/2")
                for event in self._http.receive_data(data):
                    self._take(event, stream, answer)
                if reply := self._http.data_to_send():
                    await wire.send(reply)
        except anyio.BrokenResourceError:
            raise GoneError("the connection was reset") from None
        except self._h2.exceptions.ProtocolError as exc:
            # After a farewell that came between two checks, h2 refuses what follows it.
            kind = GoneError if self._answered else CheckFailedError
            raise kind(f"the server speaks no proper HTTP/2: {exc}") from exc
        self._answered = True
        return answer

    def _send_request(self, place: Place) -> int:
        options, http = self._options, self._http
        stream: int = http.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "https" if place.secure else "http"),
            (":path", place.path + PATH),
            (":authority", options.authority or place.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "meshlib-health"),
            *options.metadata.items(),
        ]
        http.send_headers(stream, headers)
        http.send_data(stream, request(options.service), end_stream=True)
        return stream

    def _take(self, event: Any, stream: int, answer: GrpcAnswer) -> None:
        events = self._h2.events
        if isinstance(event, events.ConnectionTerminated):
            raise GoneError("the server ended the connection")
        if getattr(event, "stream_id", None) != stream:
            return
        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            answer.take_headers(event.headers)
        elif isinstance(event, events.DataReceived):
            answer.take_body(event.data)
        elif isinstance(event, events.StreamReset):
            answer.take_reset(event.error_code)
        elif isinstance(event, events.StreamEnded):
            answer.complete = True

    def is_reusable(self) -> bool:
        """Each question is a stream of its own."""
        return True

    def judge(self, answer: GrpcAnswer) -> None:
        """Compare the status with SERVING."""
        answer.judge(self._options.service)
