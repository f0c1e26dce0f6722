"""
What endpoints and services take that nothing is done with: bytes, and time to make them.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from _scale_clients import Answering, endpoints, services_of

from meshlib import Endpoint, MeshClient


def made(services: dict[str, Any]) -> MeshClient:
    """A client whose calls are answered at once."""
    return MeshClient(services=services, transport=Answering())


def traced(make: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes that are kept by what *make* makes, and that."""
    gc.collect()
    tracemalloc.start()
    try:
        thing = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0], thing
    finally:
        tracemalloc.stop()


def memory(count: int, services: int) -> dict[str, float]:
    """
    Bytes for each endpoint and each idle service, and of a client of 1,000 endpoints.

    An endpoint is counted with its `Endpoint` and its breaker, which is closed, and then
    again once it has had outcomes; the client alone is taken off. No connections.
    """
    made(services_of(1, 1)).close()
    alone, nothing = traced(lambda: made(services_of(1, 1)))
    nothing.close()
    said = services_of(1, count)
    many, client = traced(lambda: made(said))
    service = client.mesh.service("s0")

    def settle() -> None:
        now = service.clock()
        for target in service.targets:
            for _ in range(3):
                target.begin(1)
                target.settle(_success(), now, 0.02, 0.0)
                target.release()
                target.breaker.record(target.breaker.epoch, _success().verdict, now, 0.02)

    used, _ = traced(settle)
    client.close()
    said = services_of(services, 1)
    idle, client = traced(lambda: made(said))
    client.close()
    thousand, client = traced(lambda: made(services_of(1, 1000)))
    client.close()
    return {
        "endpoint": (many - alone) / count,
        "endpoint with outcomes": (many - alone + used) / count,
        "service of one endpoint": (idle - alone) / services,
        "client of 1,000 endpoints": float(thousand),
    }


def _success() -> Any:
    from meshlib._models import SUCCESS

    return SUCCESS


def construction(shapes: list[tuple[int, int]], rounds: int) -> list[dict[str, float]]:
    """Milliseconds of processor to make a client, and to its first call after that."""
    found = []
    for services, each in shapes:
        said = services_of(services, each)
        makes, firsts = [], []
        for _ in range(rounds):
            gc.collect()
            began = time.process_time()
            client = made(said)
            middle = time.process_time()
            client.get("http://s0/")
            makes.append(middle - began)
            firsts.append(time.process_time() - middle)
            client.close()
        found.append(
            {
                "services": services,
                "endpoints": each,
                "make": statistics.median(makes) * 1e3,
                "first call": statistics.median(firsts) * 1e3,
            }
        )
    return found


def updates(count: int, times: int) -> dict[str, float]:
    """Milliseconds of processor until a whole new list of *count* endpoints is in force."""

    def said(first: int) -> list[Endpoint]:
        places = endpoints(first + count)[first:]
        return [Endpoint(place, metadata={"version": "v1"}) for place in places]

    def others(turn: int) -> list[Endpoint]:
        return said(count * (turn + 1))[:some]

    some = count // 100
    with made({"s0": {"endpoints": said(0), "slow_start": False}}) as client:
        service = client.mesh.service("s0")
        told = service.roster.told
        lists: dict[str, Callable[[int], Any]] = {
            "the same list": lambda _: told,
            "an equal one": lambda _: said(0),
            "1 % other endpoints": lambda turn: [*service.roster.told[some:], *others(turn)],
            "1 % other endpoints, all new objects": lambda turn: said(turn * some),
        }
        found = {}
        for name, make in lists.items():
            spans = []
            for turn in range(1, times + 1):
                new = make(turn)
                gc.collect()
                began = time.process_time()
                service.update(new)
                spans.append(time.process_time() - began)
            found[name] = statistics.median(spans) * 1e3
    return found


def flips(counts: list[int], times: int) -> dict[str, dict[str, float]]:
    """Milliseconds that a call is held up in which a breaker opens, or closes, by endpoints."""
    found = {}
    for count in counts:
        with made({"s0": {"endpoints": endpoints(count), "outlier": False}}) as client:
            client.get("http://s0/")
            service = client.mesh.service("s0")
            spans = []
            for target in service.targets[: min(times, count // 2)]:
                for change in (target.breaker.isolate, lambda t=target: t.breaker.reset(0.0)):
                    began = time.perf_counter()
                    change()
                    spans.append(time.perf_counter() - began)
        spans.sort()
        found[str(count)] = {
            "median": statistics.median(spans) * 1e3,
            "worst": spans[-1] * 1e3,
        }
    return found
