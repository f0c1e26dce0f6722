"""This process is registered for as long as a block lasts, and leaves when it is told to end."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshlib import ConfigurationError, Endpoint, register
from meshlib.runtime._sigterm import on_sigterm

URL = "http://127.0.0.1:8001"


class Book:
    """A registrar that notes who comes and goes; it knows nobody's heartbeat unless told."""

    name = "book"

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """This very object."""
        yield self

    async def register(self, instance: Any) -> None:
        """Note it."""
        self.heard.put(("register", instance))

    async def renew(self, instance: Any) -> bool:
        """Know everybody."""
        return True

    async def deregister(self, instance: Any) -> None:
        """Note it."""
        self.heard.put(("deregister", instance))

    def next(self) -> tuple[str, Any]:
        """What is noted next."""
        return self.heard.get(timeout=60)


def test_registered_while_the_block_lasts() -> None:
    """It comes at the beginning, with everything it was told, and goes at the end."""
    book = Book()
    states: list[str] = []
    registration = register(
        "users",
        URL,
        at=book,
        weight=2.0,
        metadata={"version": "v2"},
        listeners=[lambda event: states.append(event.state)],  # type: ignore[attr-defined]  # only RegistrationChanged is sent
    )
    assert "new" == registration.status.state
    with registration:
        assert registration.wait(60)
        what, instance = book.next()
        assert ("register", "users", "users-127.0.0.1-8001") == (
            what,
            instance.service,
            instance.id,
        )
        assert Endpoint(URL, weight=2.0, metadata={"version": "v2"}) == instance.endpoint
        assert "<Registration 'users-127.0.0.1-8001': registered>" == repr(registration)
    assert "deregister" == book.next()[0]
    assert ["registered", "deregistered"] == states
    assert "deregistered" == registration.status.state


def test_twice_is_fine_and_again() -> None:
    """Starting and stopping are idempotent, and a stopped registration starts again."""
    book = Book()
    registration = register("users", Endpoint(URL), at=book, instance_id="me")
    registration.stop()
    for _ in range(2):
        registration.start()
        registration.start()
        assert ("register", registration.instance) == book.next()
        registration.stop()
        registration.stop()
        assert ("deregister", registration.instance) == book.next()
    assert book.heard.empty()


async def test_registered_while_the_async_block_lasts() -> None:
    """The same from a coroutine, whose loop is not held up."""
    book = Book()
    async with register("users", URL, at=book):
        assert "register" == book.next()[0]
    assert "deregister" == book.next()[0]


def test_drain_comes_after_the_goodbye() -> None:
    """Callers that have not heard of it yet are served for a while."""
    book = Book()
    registration = register("users", URL, at=book, drain=0.2)
    registration.start()
    assert "register" == book.next()[0]
    stopping = threading.Thread(target=registration.stop)
    stopping.start()
    assert "deregister" == book.next()[0]
    assert stopping.is_alive()
    stopping.join()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"ttl": 0.5}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"drain": -1}, "drain"),
        ({"service": ""}, "service"),
        ({"url": "http://0.0.0.0:80"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"weight": 0}, "weight"),
        ({"at": "nowhere"}, "at"),
    ],
)
def test_wrong_settings_are_told_at_once(settings: dict[str, Any], path: str) -> None:
    """Nothing is started with settings that cannot work."""
    arguments: dict[str, Any] = {"service": "users", "url": URL, "at": Book(), **settings}
    with pytest.raises(ConfigurationError) as caught:
        register(**arguments)
    assert path == caught.value.path


PROGRAM = """
    import signal, sys, threading
    from contextlib import asynccontextmanager
    from meshlib import register

    def say(text):
        sys.stdout.write(text + "\\n")
        sys.stdout.flush()

    class Book:
        name = "book"

        @asynccontextmanager
        async def session(self):
            yield self

        async def register(self, instance):
            say("registered")

        async def renew(self, instance):
            return True

        async def deregister(self, instance):
            say("deregistered")

    def before(number, frame):
        say("asked to end")
        raise SystemExit(3)

    if "handler" in sys.argv:
        signal.signal(signal.SIGTERM, before)
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    registration = register("users", "http://127.0.0.1:1", at=Book(), drain=0.1, sigterm=True)
    registration.start()
    registration.wait(60)
    if "asyncio" in sys.argv:
        import asyncio

        async def main():
            over = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
            registration.stop()
            again = register("users", "http://127.0.0.1:1", at=Book(), sigterm=True)
            with again:
                again.wait(60)
                await over.wait()
            say("the loop ends")

        asyncio.run(main())
    elif "deaf" in sys.argv:
        sys.stdin.readline()
    else:
        threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("mode", "said", "code"),
    [
        ("default", ["deregistered"], -signal.SIGTERM),
        ("handler", ["deregistered", "asked to end"], 3),
        ("asyncio", ["deregistered", "registered", "deregistered", "the loop ends"], 0),
    ],
)
def test_sigterm_deregisters_and_then_ends(mode: str, said: list[str], code: int) -> None:
    """Whoever handled the signal before hears of it after the goodbye."""
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), mode]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline().strip()]
        if mode == "asyncio":  # which registers a second time, from within its loop
            heard += [process.stdout.readline().strip() for _ in range(2)]
        process.terminate()
        rest, _ = process.communicate(timeout=60)
    assert ["registered", *said] == [*heard, *rest.split("\n")[:-1]]
    assert code == process.returncode


def test_ignored_sigterm_stays_ignored() -> None:
    """A process that ignores the signal leaves the service, and goes on."""
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), "deaf"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "registered\n" == process.stdout.readline()
        process.terminate()
        assert "deregistered\n" == process.stdout.readline()
        process.communicate("go\n", timeout=60)
    assert 0 == process.returncode


def test_handler_is_taken_away() -> None:
    """Nothing of the signal's old handling is changed after a stop, unless others changed it."""
    before = signal.getsignal(signal.SIGTERM)
    with register("users", URL, at=Book(), sigterm=True):
        assert before is not signal.getsignal(signal.SIGTERM)
    assert before is signal.getsignal(signal.SIGTERM)
    registration = register("users", URL, at=Book(), sigterm=True)
    registration.start()
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        registration.stop()
        assert signal.SIG_IGN is signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sigterm_needs_the_main_thread() -> None:
    """Python handles signals there only, which is said in so many words."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            on_sigterm(lambda: None)
        except RuntimeError as exc:
            errors.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "only the main thread can handle SIGTERM" in str(errors[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_is_not_registered() -> None:
    """What the parent registered is the parent's; a child may register itself."""
    book = Book()
    with register("users", URL, at=book) as registration:
        assert registration.wait(60)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                registration.stop()
                code = 0 if registration.status.state == "new" else 2
            finally:
                os._exit(code)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert "registered" == registration.status.state
