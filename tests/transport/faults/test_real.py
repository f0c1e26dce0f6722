"""An injected fault and the real failure look the same to an application."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, MeshClient
from support.failing import Place, Site
from support.failures import FAILURES, HTTP2, Failure, Seen, errors_of
from support.ways import settled

_PATIENCE = 10.0


_LEFT = pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator")
EACH = pytest.mark.parametrize(
    "failure",
    [pytest.param(one, marks=[_LEFT] if one.leaves_generators else []) for one in FAILURES],
    ids=str,
)


class Application:
    """
    Somebody who calls a site and writes down what comes of it.

    *given*: with a `transport=` of its own, made with the options of the site.
    """

    def __init__(
        self, kind: str, site: Site, failure: Failure, rules: list[Any], given: bool
    ) -> None:
        self.kind = kind
        self.site = site
        self.failure = failure
        options: dict[str, Any] = dict(site.options)
        if given:
            make = httpx.HTTPTransport if kind == "sync" else httpx.AsyncHTTPTransport
            options = {"transport": make(**options)}
        service = {"endpoints": [site.url], "retry": False, "breaker": False, "outlier": False}
        service.update(failure.service)
        config = {"services": {"shop": service}, "faults": rules}
        client = MeshClient if kind == "sync" else AsyncMeshClient
        self.client: Any = client(config=config, **options)

    async def look(self) -> Seen:
        """What comes of the last of the failure's calls."""
        seen = Seen()
        asked = dict(self.failure.request)
        timeout = httpx.Timeout(_PATIENCE, **self.failure.timeout)
        held = []
        try:
            for number in range(asked.pop("times", 1) + self.site.held):
                request = self.client.build_request(
                    asked.get("method", "GET"),
                    "http://shop/things",
                    content=asked.get("content"),
                    timeout=timeout,
                )
                if number < self.site.held:
                    held.append(await settled(self.client.send(request, stream=True)))
                else:
                    seen = await self._exchange(request)
        finally:
            for response in held:
                await self._close(response)
            await settled(self.client.close() if self.kind == "sync" else self.client.aclose())
        return seen

    async def _exchange(self, request: httpx.Request) -> Seen:
        seen = Seen()
        response = None
        try:
            response = await settled(self.client.send(request, stream=True))
            seen.status, seen.reason = response.status_code, response.reason_phrase
            seen.version = response.http_version
            seen.headers = {k: v for k, v in response.headers.items() if k != "date"}
            if self.kind == "sync":
                for chunk in response.iter_bytes():
                    seen.came += chunk
            else:
                async for chunk in response.aiter_bytes():
                    seen.came += chunk
            speaker: Any = response
        except httpx.RequestError as exc:
            seen.errors = errors_of(exc)
            speaker = exc
        finally:
            if response is not None:
                await self._close(response)
        seen.asked = f"{speaker.request.method} {speaker.request.url}"
        assert speaker.request is request
        return seen

    async def _close(self, response: httpx.Response) -> None:
        if self.kind == "sync":
            response.close()
        else:
            await response.aclose()


async def look(kind: str, failure: Failure, place: Place, rules: list[Any], given: bool) -> Seen:
    """What an application sees at *place* under *rules*."""
    with place() as site:
        return await Application(kind, site, failure, rules, given).look()


async def compare(kind: str, failure: Failure, given: bool = False) -> tuple[Seen, Seen]:
    """What an application sees of the failure and of the fault."""
    rule = {"name": "imitation", **failure.fault}
    real = await look(kind, failure, failure.real, [], given)
    return real, await look(kind, failure, failure.well, [rule], given)


@EACH
async def test_a_fault_looks_like_the_failure(kind: str, failure: Failure) -> None:
    """The errors down to their causes, the request they speak of, and what came before."""
    for patient in failure.patiently():
        real, injected = await compare(kind, patient)
        if real == injected:
            break
    assert real == injected


@_LEFT
@EACH
async def test_a_fault_looks_like_the_failure_of_a_given_transport(
    kind: str, anyio_backend: str, failure: Failure
) -> None:
    """But for what that hides: a pool drops the causes, and has words of its own on Trio."""
    limited = bool(failure.service)  # its timer and the transport's end at the same moment
    worded = not (failure.only_own or limited) and (kind, anyio_backend) != ("async", "trio")
    for patient in failure.patiently():
        real, injected = await compare(kind, patient, given=True)
        for seen in (real, injected):
            seen.errors = [(name, text if worded else "") for name, text in seen.errors[:1]]
        if real == injected:
            break
    assert real == injected


@_LEFT
@pytest.mark.parametrize("failure", HTTP2, ids=str)
async def test_a_fault_looks_like_the_failure_over_http2(kind: str, failure: Failure) -> None:
    """Whose connections break in other words."""
    real, injected = await compare(kind, failure)
    assert "Server disconnected" == real.errors[0][1]
    assert real == injected
