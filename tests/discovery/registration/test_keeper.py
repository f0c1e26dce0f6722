"""An instance stays registered, whatever the server does."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery import Timing
from meshlib.discovery.registration import Keeper, make_instance, make_registrar
from support import FakeClock

INSTANCE = make_instance("users", Endpoint("http://10.0.0.1:8001"), ttl=15.0)


class Server:
    """A registrar and its session, which answers by a script and notes what it was asked."""

    name = "test"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.open = 0
        self.goodbye: Any = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """This very object."""
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def _answer(self, asked: str) -> Any:
        self.asked.append(asked)
        await anyio.lowlevel.checkpoint()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            await anyio.sleep_forever()
        return answer

    async def register(self, instance: Any) -> None:
        """Do the next step."""
        assert instance is INSTANCE
        await self._answer("register")

    async def renew(self, instance: Any) -> bool:
        """Do the next step."""
        return bool(await self._answer("renew"))

    async def deregister(self, instance: Any) -> None:
        """Say goodbye as the test wants it."""
        self.asked.append("deregister")
        if isinstance(self.goodbye, BaseException):
            raise self.goodbye
        if self.goodbye is not None:
            await self.goodbye()


class Bench:
    """A keeper that is cancelled after some pauses."""

    def __init__(self, server: Server, pauses: int) -> None:
        self.clock = FakeClock()
        self.server = server
        self.events: list[Any] = []
        self.pauses: list[float] = []
        self._left = pauses
        self._scope = anyio.CancelScope()
        self.keeper = Keeper(
            server,
            INSTANCE,
            self.events.append,
            timing=Timing(self.clock, self._sleep, random.Random(1)),
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._left -= 1
        if self._left <= 0:
            self._scope.cancel()
        await self.clock.asleep(seconds)

    async def run(self) -> list[str]:
        """Run until the pauses are over; return the states that were told."""
        with self._scope, anyio.fail_after(60):
            await self.keeper.run()
        assert 0 == self.server.open
        return [event.state for event in self.events]


async def test_instance_is_registered_renewed_and_deregistered() -> None:
    """The whole life: one registration, heartbeats thrice in a time to live, and a goodbye."""
    server = Server()
    bench = Bench(server, 4)
    assert ["registered", "deregistered"] == await bench.run()
    assert ["register", "renew", "renew", "renew", "deregister"] == server.asked
    for pause in bench.pauses:
        assert 4.5 <= pause <= 5.0
    event = bench.events[0]
    assert ("users", "test", INSTANCE.id) == (event.service, event.registrar, event.instance)
    assert "deregistered" == bench.keeper.status.state
    assert not bench.keeper.registered.is_set()


async def test_lost_instance_is_registered_again() -> None:
    """A server that has forgotten us is told at once, without a pause."""
    server = Server(True, False)
    bench = Bench(server, 2)
    assert ["registered", "lost", "registered", "deregistered"] == await bench.run()
    assert ["register", "renew", "register", "deregister"] == server.asked


async def test_server_that_is_away_is_tried_again() -> None:
    """Pauses grow up to a heartbeat; the registration happens as soon as it can."""
    errors = [OSError("refused")] * 6
    server = Server(*errors)
    bench = Bench(server, 7)
    assert ["failing", "registered", "deregistered"] == await bench.run()
    for pause, most in zip(bench.pauses, [0.5, 1, 2, 4, 5, 5, 5], strict=True):
        assert most / 2 <= pause <= most
    assert bench.events[0].error is errors[0]


async def test_failed_heartbeat_is_no_loss() -> None:
    """A heartbeat that failed is sent again; the instance may still be known."""
    server = Server(True, OSError("reset"), True)
    bench = Bench(server, 3)
    assert ["registered", "failing", "registered", "deregistered"] == await bench.run()
    assert ["register", "renew", "renew", "deregister"] == server.asked


async def test_status_tells_since_when() -> None:
    """The last success and what has failed since are there for whoever looks."""
    server = Server(True, OSError("reset"))
    bench = Bench(server, 2)
    server.goodbye = OSError("refused")
    assert ["registered", "failing", "failing"] == await bench.run()
    status = bench.keeper.status
    assert "refused" == str(status.error)
    assert status.last_success == 1000.0
    # Nobody has said that the server forgot us.
    assert bench.keeper.registered.is_set()


async def test_goodbye_is_said_under_a_shield() -> None:
    """Cancelled, it still takes its time to deregister."""
    server = Server()
    said: list[str] = []

    async def goodbye() -> None:
        await anyio.lowlevel.checkpoint()
        said.append("goodbye")

    server.goodbye = goodbye
    await Bench(server, 1).run()
    assert ["goodbye"] == said


async def test_goodbye_does_not_last_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer does not keep the process from ending."""
    from meshlib.discovery.registration import _keeper

    monkeypatch.setattr(_keeper, "_GOODBYE", 0.01)
    server = Server()
    server.goodbye = anyio.sleep_forever
    bench = Bench(server, 1)
    assert ["registered", "failing"] == await bench.run()
    assert "no answer to the goodbye" in str(bench.events[-1].error)


async def test_server_that_hangs_is_a_failure() -> None:
    """A registration without an answer is given up, and tried again."""
    hasty = make_instance("users", Endpoint("http://10.0.0.1:8001"), ttl=0.03)
    server = Server(None)
    events: list[Any] = []
    heard = anyio.Event()

    def listen(event: Any) -> None:
        events.append(event)
        heard.set()

    keeper = Keeper(server, hasty, listen, timing=Timing())
    server.register = lambda instance: server._answer("register")  # type: ignore[method-assign,assignment]  # without the check of the instance
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        with anyio.fail_after(60):
            await heard.wait()
        group.cancel_scope.cancel()
    assert isinstance(events[0].error, TimeoutError)


async def test_failing_listener_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A listener that raises ends no registration."""
    bench = Bench(Server(), 1)

    def listen(event: Any) -> None:
        raise ValueError("no")

    bench.keeper._on_event = listen
    await bench.run()
    assert "a listener failed on RegistrationChanged" in caplog.text


def test_id_is_made_of_the_address() -> None:
    """Two instances of one service never have one id by default."""
    assert "users-10.0.0.1-8001" == INSTANCE.id
    six = make_instance("users", Endpoint("https://[::1]"))
    assert ("users---1-443", "::1", 443, "https") == (six.id, six.host, six.port, six.scheme)
    assert "mine" == make_instance("users", Endpoint("http://a:1"), instance_id="mine").id


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_address_to_listen_at_is_refused(host: str) -> None:
    """Nobody can call the address that a server binds to."""
    with pytest.raises(ConfigurationError, match="not where it can be called"):
        make_instance("users", Endpoint(f"http://{host}:80"))


def test_registrar_by_name() -> None:
    """A registrar is taken as it is, and an unknown name is met with the nearest one."""
    server = Server()
    assert make_registrar(server) is server
    with pytest.raises(ConfigurationError, match="did you mean 'consul'") as caught:
        make_registrar({"consull": {}})
    assert "at" == caught.value.path
