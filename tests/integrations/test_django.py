"""Django behind both middlewares."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from meshlib import DeadlineExceededError, Mesh
from meshlib._context import served_request
from meshlib.integrations import Meshed, MeshWSGIMiddleware
from support import FakeClock
from support.serving import DEADLINE, ask, ask_wsgi

django = pytest.importorskip("django", reason="django is not installed")


def _who(request: Any) -> Any:
    from django.http import HttpResponse

    served = served_request.get()
    return HttpResponse("nobody" if served is None else served.request_id)


async def _who_async(request: Any) -> Any:
    return _who(request)


async def _silent(request: Any) -> Any:
    await asyncio.Event().wait()


def _stream(request: Any) -> Any:
    from django.http import StreamingHttpResponse

    def chunks() -> Iterator[bytes]:
        served = served_request.get()
        yield b"nobody" if served is None else served.request_id.encode()

    return StreamingHttpResponse(chunks())


def _late(request: Any) -> Any:
    raise DeadlineExceededError("the call was told to end")


class Site:
    """A Django site in this module."""

    urlpatterns: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def _configured() -> Iterator[None]:
    from django.conf import settings
    from django.test.utils import override_settings
    from django.urls import path

    views = {"who": _who, "async": _who_async, "silent": _silent, "stream": _stream, "late": _late}
    Site.urlpatterns = [path(name, view) for name, view in views.items()]
    if not settings.configured:  # else by a page of the documentation, in the same process
        settings.configure(LOGGING_CONFIG=None, SECRET_KEY="of a test")
        django.setup()
    ours = {"ROOT_URLCONF": Site, "ALLOWED_HOSTS": ["*"], "MIDDLEWARE": []}
    with override_settings(**ours):
        yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # a view that is cancelled leaves the file of its request's body open


@pytest.fixture
def mesh(clock: FakeClock) -> Iterator[Mesh]:
    """A mesh that serves."""
    with Mesh("site", clock=clock) as mesh:
        yield mesh


@pytest.mark.parametrize("path", ["/who", "/stream"])
def test_over_wsgi(mesh: Mesh, path: str) -> None:
    """Views and bodies see the request, probes are answered, and late answers replaced."""
    from django.core.wsgi import get_wsgi_application

    app = MeshWSGIMiddleware(get_wsgi_application(), mesh, probes="/health")
    answered = ask_wsgi(app, path, {"x-request-id": "r-1", DEADLINE: "9000"})
    assert (200, b"r-1") == (answered.status, answered.body)
    assert 504 == ask_wsgi(app, path, {DEADLINE: "0"}).status
    assert 200 == ask_wsgi(app, "/health/ready").status
    assert 0 == mesh.inbound.counts().in_flight


def test_late_call_over_wsgi(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Django's own 500 to the error of a call that came too late is a 504."""
    from django.core.wsgi import get_wsgi_application

    with Mesh("site", clock=clock) as mesh:

        def app(environ: Any, start_response: Any) -> Any:
            clock.advance(2)
            return get_wsgi_application()(environ, start_response)

        assert 504 == ask_wsgi(MeshWSGIMiddleware(app, mesh), "/late", {DEADLINE: "1000"}).status


# Django does not close the body of a request that is cancelled.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.parametrize("path", ["/who", "/async"])
def test_over_asgi(path: str) -> None:
    """Views of both kinds see the request, in threads and in the task."""
    from django.core.asgi import get_asgi_application

    meshed = Meshed("site")
    app = meshed.wrap(get_asgi_application())

    async def main() -> None:
        answered = await ask(app, path, {"x-request-id": "r-1", DEADLINE: "9000"})
        assert (200, b"r-1") == (answered.status, answered.body)
        assert 200 == (await ask(app, "/health/ready")).status
        assert 504 == (await ask(app, "/silent", {DEADLINE: "30"})).status

    asyncio.run(main())
    assert 0 == meshed.in_flight()
