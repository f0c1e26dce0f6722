"""Who may cause faults in a mesh, and what stops them."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from meshlib import AsyncMeshClient, ConfigurationError, Mesh, MeshClient
from meshlib.faults import FaultMatch, FaultRule, sign_baggage
from meshlib.telemetry import received_baggage

KEY, OTHER = "0123456789abcdef-first", "0123456789abcdef-second"
DOWN: dict[str, Any] = {"name": "down", "abort": {"status": 555}}
CI = {"environments": ["ci"]}


def ok(request: httpx.Request) -> httpx.Response:
    """Every endpoint answers 200."""
    return httpx.Response(200)


@contextmanager
def client(
    control: Any = None, faults: Any = (), transport: Any = None, **document: Any
) -> Iterator[MeshClient]:
    """A client of one service, whose calls are made once."""
    config: dict[str, Any] = {
        "services": {"users": ["http://10.0.0.1:80"]},
        "defaults": {"retry": False, "breaker": False},
        "faults": list(faults),
        **document,
    }
    if control is not None:
        config["fault_control"] = control
    with MeshClient("shop", config=config, transport=transport or httpx.MockTransport(ok)) as mesh:
        yield mesh


def status(mesh: MeshClient, **headers: str) -> int:
    """What a call is answered with."""
    return mesh.get("http://users/", headers=headers).status_code


# Environments


@pytest.mark.parametrize(
    ("control", "here", "acts"),
    [
        (None, None, True),
        (None, "production", True),
        ({}, None, True),
        (CI, "ci", True),
        (CI, None, False),
        (CI, "", False),
        (CI, "production", False),
        (CI, "Ci", False),
        ({"environments": []}, "ci", False),
    ],
)
def test_faults_act_where_that_is_listed(
    control: Any, here: str | None, acts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a list everywhere; with one nowhere else, and unknown is elsewhere."""
    if here is None:
        monkeypatch.delenv("MESHLIB_ENV", raising=False)
    else:
        monkeypatch.setenv("MESHLIB_ENV", here)
    with client(control, [DOWN]) as mesh:
        assert (555 if acts else 200) == status(mesh)
        faults = mesh.mesh.faults
        assert acts == faults.enabled == (not faults.forbidden) == (not faults.stopped)
        faults.enabled = True
        assert (555 if acts else 200) == status(mesh)


def test_an_overlay_may_close_and_add_but_not_open_by_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys of `fault_control` are laid over one by one, so the list stays."""
    monkeypatch.setenv("MESHLIB_ENV", "production")
    overlay = {"production": {"fault_control": {"kill_file": "/none/at/all"}}}
    with client(CI, [DOWN], environments=overlay) as mesh:
        control = mesh.mesh.config.fault_control
        assert (("ci",), "/none/at/all") == (control.environments, control.kill_file)
        assert 200 == status(mesh)


def test_refused_rules_are_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever wonders finds the reason in the log."""
    monkeypatch.setenv("MESHLIB_ENV", "production")
    with client(CI, [DOWN]) as mesh:
        mesh.mesh.apply()
    told = [each.message for each in caplog.records]
    assert 1 == len(told)
    assert told[0].startswith("1 fault rules of the document do not act: MESHLIB_ENV is 'prod")


def test_code_may_add_no_fault_where_they_are_forbidden(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless it says that it knows better, which is logged and lasts."""
    monkeypatch.delenv("MESHLIB_ENV", raising=False)
    rule = FaultRule.model_validate(DOWN)
    with client(CI) as mesh:
        faults = mesh.mesh.faults
        with pytest.raises(ConfigurationError, match="MESHLIB_ENV is not set") as caught:
            faults.add(rule)
        assert "fault_control.environments" == caught.value.path
        faults.permit()
        faults.add(rule)
        assert 555 == status(mesh)
        mesh.mesh.apply()
        assert not faults.forbidden
        faults.add(rule)
        assert 555 == status(mesh)
    assert "faults are permitted by code" in caplog.text


def test_a_document_applied_later_closes_and_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is followed while the process runs; what code forbade stays forbidden."""
    monkeypatch.setenv("MESHLIB_ENV", "staging")
    with client(CI, [DOWN]) as mesh:
        assert 200 == status(mesh)
        mesh.mesh.patch({"fault_control": {"environments": ["ci", "staging"]}})
        assert 555 == status(mesh)
        mesh.mesh.patch({"fault_control": {"environments": ["ci"]}})
        assert 200 == status(mesh)
        mesh.mesh.patch({"fault_control": None})
        assert 555 == status(mesh)
        mesh.mesh.faults.forbid("by hand")
        mesh.mesh.apply()
        assert "by hand" == mesh.mesh.faults.stopped


def test_headers_are_heeded_where_that_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that waits for them does nothing without a list, nor elsewhere."""
    asked = {"x-envoy-fault-abort-request": "507"}
    rules = [{"name": "asked", "abort": {"header": True}}]
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    with client(CI, rules) as mesh:
        assert (507, 200) == (status(mesh, **asked), status(mesh))
    with client(None, rules) as mesh:
        assert 200 == status(mesh, **asked)
        mesh.mesh.faults.permit()
        assert 507 == status(mesh, **asked)
    monkeypatch.setenv("MESHLIB_ENV", "production")
    with client(CI, rules) as mesh:
        assert 200 == status(mesh, **asked)


def test_headers_go_on_to_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Envoy forwards them: whoever stands there has rules of his own."""
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    seen: list[str] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-envoy-fault-delay-request"])
        return httpx.Response(200)

    rules = [{"name": "asked", "delay": {"header": True}}]
    with client(CI, rules, httpx.MockTransport(look)) as mesh:
        assert 200 == status(mesh, **{"x-envoy-fault-delay-request": "1"})
    assert ["1"] == seen


# What stops


def test_a_file_stops_whatever_begins_after_it(tmp_path: Path) -> None:
    """With the next call, and until it is gone again."""
    file = tmp_path / "no-faults"
    with client({"kill_file": str(file)}, [DOWN]) as mesh:
        assert 555 == status(mesh)
        file.touch()
        assert 200 == status(mesh)
        assert f"the file {file} is there" == mesh.mesh.faults.stopped
        file.unlink()
        assert 555 == status(mesh)


def test_a_file_that_cannot_be_looked_for_stops_too(tmp_path: Path) -> None:
    """Who cannot tell injects nothing."""
    (tmp_path / "plain").touch()
    for name in (str(tmp_path / "plain" / "below"), "with\0null", "n" * 5000):
        with client({"kill_file": name}, [DOWN]) as mesh:
            assert 200 == status(mesh)


def test_stopping_by_hand_says_so() -> None:
    """And lasts until it is enabled again."""
    with client(None, [DOWN]) as mesh:
        faults = mesh.mesh.faults
        faults.stop()
        assert (200, "it was stopped by code") == (status(mesh), faults.stopped)
        faults.enabled = True
        assert (555, "") == (status(mesh), faults.stopped)


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Somebody else handles SIGUSR2 already."""
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGUSR2, before)


def settled() -> None:
    """Wait for the threads that signals began."""
    for thread in threading.enumerate():
        if thread.name == "meshlib-kill-signal":
            thread.join(5)


def test_a_signal_stops_at_once(handled: list[int]) -> None:
    """The next call meets no fault, the former handler is called, and gets it back at the end."""
    with client({"kill_signal": "SIGUSR2"}, [DOWN]) as mesh:
        faults = mesh.mesh.faults
        assert 555 == status(mesh)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert not faults.enabled
        assert "the signal SIGUSR2 came" == faults.stopped
        assert 200 == status(mesh)
        settled()
        assert [signal.SIGUSR2] == handled
        faults.enabled = True
        assert 555 == status(mesh)
    os.kill(os.getpid(), signal.SIGUSR2)
    assert 2 == len(handled)


def test_a_signal_that_ends_processes_does_so_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where faults are forbidden: whoever sends it means faults and not the process."""
    monkeypatch.setenv("MESHLIB_ENV", "production")
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        with client({"kill_signal": "SIGUSR1", **CI}, [DOWN]) as mesh:
            os.kill(os.getpid(), signal.SIGUSR1)
            settled()
            assert 200 == status(mesh)
            mesh.mesh.patch({"fault_control": {"kill_signal": None}})
            assert signal.SIG_DFL == signal.getsignal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_who_took_the_signal_over_keeps_it(handled: list[int]) -> None:
    """A handler that was put before ours is not taken away."""
    mine: list[int] = []
    with client({"kill_signal": "SIGUSR2"}, [DOWN]):
        signal.signal(signal.SIGUSR2, lambda number, frame: mine.append(number))
    os.kill(os.getpid(), signal.SIGUSR2)
    assert ([signal.SIGUSR2], []) == (mine, handled)


def test_without_its_signal_nothing_acts(caplog: pytest.LogCaptureFixture) -> None:
    """A mesh made in a thread cannot listen for it, so it injects nothing."""
    found: list[Any] = []

    def make() -> None:
        with client({"kill_signal": "SIGUSR2"}, [DOWN]) as mesh:
            found.extend([status(mesh), mesh.mesh.faults.stopped])

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert [200, "the signal SIGUSR2 cannot be handled here"] == found
    assert "do not act" in caplog.text


@pytest.mark.parametrize("how", ["call", "switch", "file", "signal"])
def test_no_thread_injects_after_the_switch(how: str, tmp_path: Path, handled: list[int]) -> None:
    """Under load: not one call that begins after it meets a fault, and no rule counts any."""
    file = tmp_path / "kill"
    stopped = threading.Event()
    injected, wrong = threading.Semaphore(0), []
    control = {"kill_file": str(file), "kill_signal": "SIGUSR2"}
    rules = [
        DOWN,
        {"name": "call", "phase": "call", "delay": {"fixed": 0}},
    ]
    with client(control, rules) as mesh:
        faults = mesh.mesh.faults
        switches: dict[str, Callable[[], object]] = {
            "call": faults.stop,
            "switch": lambda: setattr(faults, "enabled", False),
            "file": file.touch,
            "signal": lambda: signal.raise_signal(signal.SIGUSR2),
        }

        def load() -> None:
            for _ in range(100_000):
                if status(mesh) != 200:
                    injected.release()
                if stopped.is_set():
                    break
            wrong.extend(code for code in (status(mesh) for _ in range(50)) if code != 200)

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            assert injected.acquire(timeout=20)
        switches[how]()
        at_once = faults.injected if how in ("call", "switch") else None
        stopped.set()
        for thread in threads:
            thread.join(30)
        assert [] == wrong
        if at_once is not None:
            assert at_once == faults.injected


async def test_no_task_injects_after_the_switch() -> None:
    """Nor do those that wait in a delay go on to their abort: they are let go at once."""
    rules = [{"name": "slow", "delay": {"fixed": 600}, "abort": {"status": 555}}]
    config: dict[str, Any] = {
        "services": {"users": ["http://10.0.0.1:80"]},
        "defaults": {"retry": False, "timeout": None},
        "faults": rules,
    }
    transport = httpx.MockTransport(ok)
    codes: list[int] = []
    async with AsyncMeshClient("shop", config=config, transport=transport) as mesh:
        faults = mesh.mesh.faults

        async def call() -> None:
            response = await mesh.get("http://users/", timeout=None)
            codes.append(response.status_code)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(call)
                while faults.active["slow"] < 50:
                    await anyio.lowlevel.checkpoint()
                faults.stop()
                at_once = faults.injected
    assert [200] * 50 == codes
    assert at_once == faults.injected


def test_a_child_can_be_stopped_though_a_thread_of_its_parent_was_busy() -> None:
    """Its lock is its own."""
    with Mesh("shop", config={"faults": [DOWN]}) as mesh:
        mesh.faults._lock.acquire()
        mesh.renew()
        mesh.faults.stop()
        assert not mesh.faults.enabled


# Baggage


def chain(**far: Any) -> tuple[Callable[[], Any], Mesh]:
    """A client whose calls reach `payments` through `orders`; and the mesh of `orders`."""
    document = {"services": {"payments": ["http://10.0.0.2:80"]}, "defaults": {"retry": False}}
    behind = MeshClient("orders", config=document | far, transport=httpx.MockTransport(ok))

    def orders(request: httpx.Request) -> httpx.Response:
        with received_baggage(request.headers):
            return httpx.Response(behind.get("http://payments/").status_code)

    return orders, behind.mesh


BAGGAGE = {"fault_control": {"environments": ["ci"], "baggage": {"keys": [KEY]}}}
FAR: dict[str, Any] = {
    "match": {"service": "payments", "source": "orders"},
    "abort": {"status": 507},
}


def test_a_fault_reaches_an_edge_several_services_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It acts on that edge alone, and only inside the block; none of the requests failed here."""
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    orders, far = chain(**BAGGAGE)
    control = BAGGAGE["fault_control"]
    with far, client(control, transport=httpx.MockTransport(orders)) as mesh:
        with mesh.mesh.faults.inject(FAR):
            response = mesh.get("http://users/")
            assert (507, ()) == (response.status_code, response.extensions["mesh"].injected)
        assert 200 == status(mesh)
        assert {"507"} == {each.what for each in far.faults.injections}


@pytest.mark.parametrize(
    ("here", "keys", "refused"),
    [
        ("ci", [OTHER], {"forged": 2}),
        ("ci", [OTHER, KEY], None),
        ("production", [KEY], {}),
        ("", [KEY], {}),
    ],
)
def test_a_receiver_decides_for_itself(
    here: str, keys: list[str], refused: dict[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed by a stranger is counted, and where faults are forbidden not even read."""
    monkeypatch.setenv("MESHLIB_ENV", here)
    control = {"environments": ["ci"], "baggage": {"keys": keys}}
    with client(control) as mesh:
        token = sign_baggage({**FAR, "match": {"service": "users"}}, key=KEY)
        assert (507 if refused is None else 200) == status(mesh, baggage=f"meshlib-fault={token}")
        assert (refused or {}) == mesh.mesh.faults.refused


def test_several_faults_travel_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block adds one, beside the baggage that the request has."""
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    seen: list[str] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("baggage", ""))
        return httpx.Response(200)

    control = BAGGAGE["fault_control"]
    with client(control, transport=httpx.MockTransport(look)) as mesh:
        inject = mesh.mesh.faults.inject
        rule = FaultRule(name="f", match=FaultMatch(service="b"), delay={"fixed": 1})
        with inject(FAR) as first, inject(rule) as second:
            status(mesh)
            status(mesh, baggage="user=1")
            status(mesh, baggage="meshlib-fault=mine")
        status(mesh)
    both = f"meshlib-fault={first}~{second}"
    assert [both, f"user=1,{both}", "meshlib-fault=mine", ""] == seen


def test_without_a_key_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to give, or why there is none."""
    with (
        client() as mesh,
        pytest.raises(ConfigurationError, match="give keys"),
        mesh.mesh.faults.inject(FAR),
    ):
        raise AssertionError("unreachable")
    monkeypatch.setenv("MESHLIB_ENV", "live")
    with (
        client(BAGGAGE["fault_control"]) as mesh,
        pytest.raises(ConfigurationError, match="'live'"),
        mesh.mesh.faults.inject(FAR),
    ):
        raise AssertionError("unreachable")


def test_keys_are_replaced_while_the_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused stays counted, and a longer lifetime makes nothing begin anew."""
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    with client({"environments": ["ci"], "baggage": {"keys": [OTHER]}}) as mesh:
        rule = {**FAR, "match": {"service": "users"}, "max_total": 1}
        header = f"meshlib-fault={sign_baggage(rule, key=KEY, lifetime=100)}"
        assert 200 == status(mesh, baggage=header)
        mesh.mesh.patch({"fault_control": {"baggage": {"keys": [OTHER, KEY]}}})
        assert (507, 200) == (status(mesh, baggage=header), status(mesh, baggage=header))
        mesh.mesh.patch({"fault_control": {"kill_file": "/none/at/all"}})
        mesh.mesh.patch({"fault_control": {"baggage": {"max_lifetime": 7200}}})
        assert 200 == status(mesh, baggage=header)
        assert {"forged": 2} == mesh.mesh.faults.refused
        mesh.mesh.patch({"fault_control": {"baggage": None}})
        assert mesh.mesh.faults.extra is None


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (KEY, True),
        (f"{OTHER}\n{KEY}\n", True),
        ("", False),
        ("short", False),
        (f"{OTHER} {KEY} {KEY}", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("place", ["key_file", "key_variable"])
def test_keys_come_from_files_and_variables(
    place: str,
    content: str | None,
    counts: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without good ones nothing is accepted, and the application runs all the same."""
    monkeypatch.setenv("MESHLIB_ENV", "ci")
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
        monkeypatch.setenv("FAULT_KEYS", content)
    where = str(file) if place == "key_file" else "FAULT_KEYS"
    control = {"environments": ["ci"], "baggage": {place: where}}
    token = sign_baggage({**FAR, "match": {"service": "users"}}, key=KEY)
    with client(control) as mesh:
        assert (507 if counts else 200) == status(mesh, baggage=f"meshlib-fault={token}")
    assert counts == ("no fault of baggage is accepted" not in caplog.text)
    assert logging.WARNING >= max([each.levelno for each in caplog.records], default=0)


@pytest.mark.parametrize(
    ("control", "path"),
    [
        ({"baggage": {"keys": [KEY]}}, "fault_control"),
        ({**CI, "baggage": {}}, "fault_control.baggage"),
        ({**CI, "baggage": {"keys": [KEY], "key_file": "x"}}, "fault_control.baggage"),
        ({**CI, "baggage": {"keys": ["short"]}}, "fault_control.baggage.keys"),
        ({**CI, "baggage": {"keys": [KEY] * 3}}, "fault_control.baggage.keys"),
        ({"environments": [" "]}, "fault_control.environments[0]"),
        ({"kill_signal": "SIGKILL"}, "fault_control.kill_signal"),
        ({"kill_file": ""}, "fault_control.kill_file"),
        ({"killfile": "x"}, "fault_control.killfile"),
    ],
)
def test_what_would_open_by_mistake_is_refused(control: Any, path: str) -> None:
    """Baggage needs the list, keys their length, and switches names that exist."""
    with pytest.raises(ConfigurationError) as caught:
        Mesh("shop", config={"fault_control": control})
    assert path == caught.value.path


def test_keys_are_not_shown() -> None:
    """Not in what a configuration looks like, nor where it is written out."""
    with Mesh("shop", config=BAGGAGE) as mesh:
        assert KEY not in repr(mesh.config)
        assert KEY not in mesh.config.model_dump_json()
