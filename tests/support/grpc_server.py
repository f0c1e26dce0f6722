"""A real gRPC server with the health service, by gRPC's own library."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Serving = health_pb2.HealthCheckResponse.ServingStatus


class GrpcServer:
    """
    Serves `grpc.health.v1.Health` unless told not to; *credentials* make it speak TLS.

    `set` says how a service is, the empty name being the server. `metadata` has what came
    with each call.
    """

    def __init__(self, *, healthy: bool = True, credentials: Any = None) -> None:
        self.metadata: list[dict[str, str]] = []
        self._server = grpc.server(ThreadPoolExecutor(2), interceptors=[_Recorder(self.metadata)])
        self._health = health.HealthServicer()
        if healthy:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
            self.url = f"http://127.0.0.1:{self.port}"
        else:
            self.port = self._server.add_secure_port("localhost:0", credentials)
            self.url = f"https://localhost:{self.port}"

    def set(self, service: str, status: str) -> None:
        """Have *service* be SERVING, NOT_SERVING or UNKNOWN."""
        self._health.set(service, Serving.Value(status))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()


class _Recorder(grpc.ServerInterceptor):
    def __init__(self, metadata: list[dict[str, str]]) -> None:
        self._metadata = metadata

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Keep what came with the call, and go on."""
        self._metadata.append(dict(details.invocation_metadata))
        return continuation(details)
