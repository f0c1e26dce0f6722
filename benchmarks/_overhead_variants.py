"""
What `overhead.py` compares: a transport that does nothing, a mesh around it, and retry libraries.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import httpx
import tenacity
from _slices import CONTROL, Slice, cpu

from meshlib import AsyncMeshTransport, MeshTransport

ENDPOINTS = [f"http://10.0.0.{number}:8080" for number in range(1, 6)]
REQUEST = httpx.Client().build_request("GET", "http://users/api/users/1")


class Body(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        yield b""

    def close(self) -> None:
        pass


class AsyncBody(httpx.AsyncByteStream):
    async def __aiter__(self) -> Any:
        yield b""

    async def aclose(self) -> None:
        pass


class Nothing(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Body())


class AsyncNothing(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=AsyncBody())


Send = Callable[[httpx.Request], Any]


@functools.cache
def installed(name: str) -> bool:
    if importlib.util.find_spec(name) is not None:
        return True
    print(f"{name} is not installed: left out")
    return False


def decorators() -> dict[str, Callable[[Any], Any]]:
    """By name, what wraps a function that sends; the same for both colours."""
    found: dict[str, Callable[[Any], Any]] = {
        "tenacity": tenacity.retry(
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_random_exponential(0.025, max=1.0),
            retry=tenacity.retry_if_exception_type(httpx.TransportError),
        )
    }
    if installed("stamina"):
        import stamina

        found["stamina"] = stamina.retry(on=httpx.TransportError, attempts=3)
    if installed("pyresilience"):
        import pyresilience

        retry = pyresilience.RetryConfig(retry_on=(httpx.TransportError,))
        found["pyresilience"] = pyresilience.resilient(retry=retry)
        found["pyresilience, breaker"] = pyresilience.resilient(
            retry=retry, circuit_breaker=pyresilience.CircuitBreakerConfig()
        )
    return found


def ours() -> dict[str, Send]:
    """The bare transport and a mesh around it, blocking."""
    mesh = MeshTransport("checkout", services={"users": ENDPOINTS}, transport=Nothing())
    return {"bare": Nothing().handle_request, "meshlib": mesh.handle_request}


def ours_async() -> dict[str, Send]:
    """The same, asynchronous."""
    mesh = AsyncMeshTransport("checkout", services={"users": ENDPOINTS}, transport=AsyncNothing())
    return {"bare": AsyncNothing().handle_async_request, "meshlib": mesh.handle_async_request}


def blocking() -> dict[str, Send]:
    """Every blocking variant."""
    variants = ours()
    bare = variants[CONTROL] = variants["bare"]
    for name, decorate in decorators().items():

        @decorate
        def send(request: httpx.Request) -> Any:
            return bare(request)

        variants[name] = send
    if installed("pybreaker"):
        import pybreaker

        breaker = pybreaker.CircuitBreaker()

        @decorators()["tenacity"]
        def send_guarded(request: httpx.Request) -> Any:
            return breaker.call(bare, request)

        variants["pybreaker in tenacity"] = send_guarded
    return variants


def awaiting() -> dict[str, Send]:
    """Every asynchronous variant."""
    variants = ours_async()
    bare = variants[CONTROL] = variants["bare"]
    for name, decorate in decorators().items():

        @decorate
        async def send(request: httpx.Request) -> Any:
            return await bare(request)

        variants[name] = send
    if installed("pybreaker"):
        import pybreaker

        breaker = pybreaker.CircuitBreaker()

        @decorators()["tenacity"]
        async def send_guarded(request: httpx.Request) -> Any:
            with breaker.calling():
                return await bare(request)

        variants["pybreaker in tenacity"] = send_guarded
    return variants


def slices(loop: asyncio.AbstractEventLoop | None, calls: int) -> dict[str, Slice]:
    """A slice of each variant; the asynchronous ones run on *loop*."""

    def blocking_slice(send: Send) -> Slice:
        def run(calls: int) -> None:
            for _ in range(calls):
                send(REQUEST).close()

        return cpu(run, calls)

    def awaiting_slice(loop: asyncio.AbstractEventLoop, send: Send) -> Slice:
        async def run(calls: int) -> None:
            for _ in range(calls):
                await (await send(REQUEST)).aclose()

        return cpu(lambda calls: loop.run_until_complete(run(calls)), calls)

    if loop is None:
        return {name: blocking_slice(send) for name, send in blocking().items()}
    return {name: awaiting_slice(loop, send) for name, send in awaiting().items()}
