"""The API, route by route, without a server and without a lifespan."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.discovery import _timing
from meshlib.discovery.registry import registry_app
from support import FakeClock
from support.asgi import answer_of, client_of, scope_of

USERS = "/v1/services/users"
A = f"{USERS}/instances/a"
GOOD = {"url": "http://10.0.0.5:8080"}

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Make a client of a new registry."""

    def make(*, headers: dict[str, str] | None = None, **options: Any) -> httpx.AsyncClient:
        return client_of(registry_app(tmp_path / "registry.db", **options), headers=headers or {})

    return make


async def test_registers_and_lists(client: Client) -> None:
    """What is put is shown, whole; the second time it is replaced."""
    async with client() as http:
        created = await http.put(A, json=GOOD)
        assert 201 == created.status_code
        assert {"service": "users", "id": "a", "ttl": 15.0, "revision": 1}.items() <= (
            created.json().items()
        )
        replaced = await http.put(A, json={**GOOD, "weight": 3})
        assert (200, 2) == (replaced.status_code, replaced.json()["revision"])
        found = await http.get(USERS)
        assert 200 == found.status_code
        body = found.json()
        assert created.json()["epoch"] == body["epoch"]
        assert f'"{body["cursor"]}"' == found.headers["etag"]
        assert [{"id": "a", "state": "up", "weight": 3.0}.items() <= body["instances"][0].items()]
        assert {
            "epoch": body["epoch"],
            "revision": 2,
            "services": [{"name": "users", "revision": 2, "instances": 1}],
        } == (await http.get("/v1/services")).json()


async def test_names_of_services_have_no_case(client: Client) -> None:
    """As hosts have none."""
    async with client() as http:
        await http.put("/v1/services/Users/instances/a", json=GOOD)
        assert 1 == len((await http.get("/v1/services/USERS")).json()["instances"])


async def test_a_service_that_is_unknown_is_an_empty_list(client: Client) -> None:
    """It may be registered any time; 404 is for what is never there."""
    async with client() as http:
        found = await http.get(USERS)
        assert (200, []) == (found.status_code, found.json()["instances"])


async def test_heartbeats(client: Client) -> None:
    """404 tells to register again."""
    async with client() as http:
        assert 404 == (await http.post(f"{A}/heartbeat")).status_code
        await http.put(A, json=GOOD)
        assert 204 == (await http.post(f"{A}/heartbeat")).status_code


async def test_heartbeats_that_come_together_are_written_together(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets its own answer all the same."""
    batches: list[int] = []
    beat = "meshlib.discovery.registry._ledger.Ledger.beat"
    real: Any = pytest.importorskip("meshlib.discovery.registry._ledger").Ledger.beat

    def counted(self: Any, keys: set[Any]) -> Any:
        batches.append(len(keys))
        return real(self, keys)

    monkeypatch.setattr(beat, counted)
    statuses: dict[int, int] = {}
    async with client() as http:
        for number in range(0, 40, 2):
            await http.put(f"{USERS}/instances/{number}", json=GOOD)

        async def send(number: int) -> None:
            path = f"{USERS}/instances/{number}/heartbeat"
            statuses[number] = (await http.post(path)).status_code

        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(send, number)
    assert {n: 404 if n % 2 else 204 for n in range(40)} == statuses
    assert 40 == sum(batches)
    assert len(batches) < 10


async def test_deregistering_twice_is_no_error(client: Client) -> None:
    """The second has what it wanted, too."""
    async with client() as http:
        await http.put(A, json=GOOD)
        assert 204 == (await http.delete(A)).status_code
        assert 204 == (await http.delete(A)).status_code
        assert [] == (await http.get(USERS)).json()["instances"]


async def test_who_drains_is_shown_as_such(client: Client) -> None:
    """Callers see that they should stop, and the instance is still registered."""
    async with client() as http:
        await http.put(A, json={**GOOD, "state": "draining"})
        assert "draining" == (await http.get(USERS)).json()["instances"][0]["state"]
        assert 204 == (await http.post(f"{A}/heartbeat")).status_code


async def test_the_expired_are_never_shown(client: Client, clock: FakeClock) -> None:
    """Also when nothing runs but the requests."""
    async with client(_timing=_timing.Timing(clock=clock)) as http:
        await http.put(A, json=GOOD)
        clock.advance(15.0)
        assert [] == (await http.get(USERS)).json()["instances"]
        assert [] == (await http.get("/v1/services")).json()["services"]


async def test_what_is_unchanged_is_not_sent_again(client: Client) -> None:
    """If-None-Match is answered by 304 until the list is another one."""
    async with client() as http:
        await http.put(A, json=GOOD)
        for path in (USERS, "/v1/services"):
            tag = (await http.get(path)).headers["etag"]
            for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                answer = await http.get(path, headers={"If-None-Match": asked})
                assert (304, b"", tag) == (
                    answer.status_code,
                    answer.content,
                    answer.headers["etag"],
                )
            await http.put(A, json={**GOOD, "weight": len(path)})
            answer = await http.get(path, headers={"If-None-Match": tag})
            assert 200 == answer.status_code


@pytest.mark.parametrize("field", ["revision", "cursor"])
async def test_waits_for_a_change(client: Client, field: str) -> None:
    """A question that knows the newest list is answered when there is a newer one."""
    async with client() as http:
        await http.put(A, json=GOOD)
        known = (await http.get(USERS)).json()
        answers: list[httpx.Response] = []

        async def ask() -> None:
            params = {"after": known[field], "wait": "300s"}
            answers.append(await http.get(USERS, params=params, timeout=60.0))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert [] == answers
            await http.put(A, json={**GOOD, "weight": 3})
        assert 3.0 == answers[0].json()["instances"][0]["weight"]


async def test_does_not_wait_without_need(client: Client) -> None:
    """Not when the list is another one already, nor longer than asked."""
    async with client() as http:
        await http.put(A, json=GOOD)
        known = (await http.get(USERS)).json()
        for after, wait in (("0", "300"), ("x", "300"), ("", "300"), (known["cursor"], "0")):
            answer = await http.get(USERS, params={"after": after, "wait": wait})
            assert known == answer.json()
        answer = await http.get(USERS, params={"after": known["revision"], "wait": "10ms"})
        assert known == answer.json()


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf", "1e999", "301", "10m", ""])
async def test_what_is_no_time_to_wait(client: Client, wait: str) -> None:
    """The answer names the parameter."""
    async with client() as http:
        answer = await http.get(USERS, params={"after": "0", "wait": wait})
        assert 422 == answer.status_code
        assert "wait" == answer.json()["errors"][0]["field"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"url": "nowhere"}', "#/url"),
        (b'{"url": "http://a", "weight": -1}', "#/weight"),
        (b'{"url": "http://a", "metadata": {"a.b/c~d": []}}', "#/metadata/a.b~1c~0d"),
        (b'{"url": "http://a", "x\\ud800": 1}', "#/x\ud800"),
    ],
)
async def test_a_wrong_body_names_the_field(client: Client, body: bytes, pointer: str) -> None:
    """As RFC 9457 has it."""
    async with client() as http:
        answer = await http.put(A, content=body)
        assert 422 == answer.status_code
        assert "application/problem+json" == answer.headers["content-type"]
        document = answer.json()
        assert (422, "Unprocessable Entity") == (document["status"], document["title"])
        assert pointer == document["errors"][0]["pointer"]


async def test_a_body_that_is_no_json(client: Client) -> None:
    """No field is at fault."""
    async with client() as http:
        answer = await http.put(A, content=b"{")
        assert (422, False) == (answer.status_code, "errors" in answer.json())


@pytest.mark.parametrize("place", ["/v1/services/-a/instances/a", f"{USERS}/instances/%2e%2e"])
async def test_names_that_are_none(client: Client, place: str) -> None:
    """They are refused by every method."""
    async with client() as http:
        for method, path in (("PUT", place), ("DELETE", place), ("POST", f"{place}/heartbeat")):
            answer = await http.request(method, path, json=GOOD)
            assert 422 == answer.status_code


async def test_a_long_body_is_not_read(tmp_path: Path) -> None:
    """It is refused when it exceeds the limit, however it is sent."""
    read = 0

    async def endless() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 100, "more_body": True}

    app = registry_app(tmp_path / "registry.db", max_body=1000)
    status, _ = await answer_of(app, scope_of("PUT", A), endless)
    assert (413, 11) == (status, read)


async def test_there_is_room_for_so_many(client: Client) -> None:
    """Further ones are refused, known ones are not."""
    async with client(max_instances=1) as http:
        await http.put(A, json=GOOD)
        answer = await http.put(f"{USERS}/instances/b", json=GOOD)
        assert (507, "1 instances are registered already") == (
            answer.status_code,
            answer.json()["detail"],
        )
        assert 200 == (await http.put(A, json={**GOOD, "weight": 2})).status_code


async def test_what_does_not_exist(client: Client) -> None:
    """Unknown paths and methods are answered as problems, too."""
    async with client() as http:
        for method, path, status in (("GET", "/nope", 404), ("PUT", USERS, 405), ("POST", A, 405)):
            answer = await http.request(method, path)
            assert (status, status) == (answer.status_code, answer.json()["status"])
        allowed = (await http.put(USERS)).headers["allow"]
        assert {"GET", "HEAD"} == set(allowed.split(", "))


async def test_a_database_that_fails_is_said(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """503 tells to try again; the reason is in the log, not in the answer."""
    (tmp_path / "registry.db").write_text("no database at all " * 100)
    async with client() as http:
        for answer in (
            await http.get("/healthz"),
            await http.get(USERS),
            await http.put(A, json=GOOD),
            await http.post(f"{A}/heartbeat"),
        ):
            assert (503, "1") == (answer.status_code, answer.headers["retry-after"])
            assert "not a database" not in answer.text
    assert "not a database" in caplog.text


async def test_a_mistake_of_ours_is_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without telling its details."""

    def fail(*args: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("meshlib.discovery.registry._ledger.Ledger.refresh", fail)
    async with client() as http:
        answer = await http.get(USERS)
        assert (500, False) == (answer.status_code, "secret" in answer.text)


async def test_health_is_open(client: Client) -> None:
    """It needs no token, and says nothing but that the database works."""
    async with client(token="s") as http:
        answer = await http.get("/healthz")
        assert (200, {"status": "ok"}) == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    ("token", "read", "write"),
    [
        ({}, 401, 401),
        ({"Authorization": "Bearer wrong"}, 401, 401),
        ({"Authorization": "Bearer "}, 401, 401),
        ({"Authorization": "Basic writer"}, 401, 401),
        ({"Authorization": "writer"}, 401, 401),
        ({"Authorization": "Bearer reader"}, 200, 403),
        ({"Authorization": "Bearer writer"}, 200, 200),
        ({"Authorization": "bearer newer"}, 200, 200),
    ],
)
async def test_tokens(client: Client, token: dict[str, str], read: int, write: int) -> None:
    """One is for everything, another for reading; of several each is good."""
    tokens = {"token": ["writer", "newer"], "read_token": "reader"}
    async with client(headers=token, **tokens) as http:
        for path in ("/v1/services", USERS, "/v1/services/healthz"):
            assert read == (await http.get(path)).status_code
        answers = [
            await http.put(A, json=GOOD),
            await http.post(f"{A}/heartbeat"),
            await http.delete(A),
            await http.delete(f"{USERS}/instances/healthz"),
        ]
        wanted = {200: {200, 201, 204}}.get(write, {write})
        assert {answer.status_code for answer in answers} <= wanted
        if read == 401:
            answer = await http.get(f"{USERS}/watch")
            assert 401 == answer.status_code
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_tokens_are_not_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in answers nor in the log."""
    caplog.set_level(logging.DEBUG)
    async with client(token="hush-1", headers={"Authorization": "Bearer hush-2"}) as http:
        answer = await http.get(USERS)
    said = answer.text + str(answer.headers) + caplog.text
    assert "hush" not in said


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("path", {"path": ""}),
        ("path", {"path": 7}),
        ("token", {"token": ""}),
        ("token", {"token": b"x"}),
        ("token", {"token": []}),
        ("token", {"token": ["a", "b c"]}),
        ("token", {"token": ["a\n"]}),
        ("token", {"token": 7}),
        ("read_token", {"token": "a", "read_token": "é"}),
        ("read_token", {"read_token": "a"}),
        ("max_instances", {"max_instances": 0}),
        ("max_body", {"max_body": 1}),
        ("keep_alive", {"keep_alive": 0}),
    ],
)
def test_what_is_wrong_is_said_at_once(field: str, options: dict[str, Any]) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigurationError) as error:
        registry_app(**options)
    assert field == error.value.path


def test_starlette_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error tells what to install."""
    import sys

    for module in [name for name in sys.modules if name.startswith("meshlib.discovery.registry._")]:
        if module.endswith(("_api", "_app", "_guard")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "starlette.requests", None)
    monkeypatch.setitem(sys.modules, "starlette.exceptions", None)
    with pytest.raises(ConfigurationError, match=r"starlette.*meshlib-client\[registry\]"):
        registry_app()


def test_nothing_is_opened_at_first(tmp_path: Path) -> None:
    """An application that is made in a process which forks later has no connection."""
    registry_app(tmp_path / "registry.db")
    assert [] == list(tmp_path.iterdir())


_SEGMENT = st.text(max_size=8) | st.sampled_from(["users", "a", "instances", "watch", "v1", ".."])
_BODY = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("http://a:1"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "weight", "priority", "kind", "metadata", "ttl", "state"])
            | st.text(),
            inner,
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
_HEADERS = st.dictionaries(
    st.sampled_from(["if-none-match", "last-event-id", "authorization", "content-type", "x"]),
    st.binary(max_size=20),
)
_PATHS = (
    st.tuples(st.just("services"), _SEGMENT, st.just("instances"), _SEGMENT)
    | st.tuples(st.just("services"), _SEGMENT, st.just("instances"), _SEGMENT, _SEGMENT)
    | st.tuples(st.just("services"), _SEGMENT)
    | st.lists(_SEGMENT).map(tuple)
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One registry for all that is tried."""
    return registry_app(tmp_path_factory.mktemp("fuzz") / "registry.db", max_body=500)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "QUERY"]),
    segments=_PATHS,
    query=st.dictionaries(st.sampled_from(["after", "wait", "x"]), st.text(max_size=6)),
    body=_BODY,
    headers=_HEADERS,
)
def test_any_request_is_answered(
    fuzzed: Any,
    method: str,
    segments: tuple[str, ...],
    query: dict[str, str],
    body: bytes,
    headers: dict[str, bytes],
) -> None:
    """With anything but 500, as a problem when it is none of ours; by raw ASGI."""
    if segments[2:3] == ("watch",):
        return
    scope = scope_of(
        method,
        "/v1/" + "/".join(segments),
        str(httpx.QueryParams({**query, "wait": query.get("wait", "0")[:2]})).encode(),
        [(name.encode(), value) for name, value in headers.items()],
    )

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    status, answer = anyio.run(answer_of, fuzzed, scope, receive)
    assert status < 500
    if status >= 400 and method != "HEAD":
        document = json.loads(answer)
        assert status == document["status"]
        assert document["title"]


async def test_a_client_that_leaves_early(tmp_path: Path) -> None:
    """Its body is no error of ours."""
    app = registry_app(tmp_path / "registry.db")

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    status, _ = await answer_of(app, scope_of("PUT", A), receive)
    assert 400 == status
