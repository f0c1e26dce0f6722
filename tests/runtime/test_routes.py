"""Calls that follow routes, from the client to the wire."""

from __future__ import annotations

import json
import random
from typing import Any

import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    CallOptions,
    CircuitOpenError,
    ConfigurationError,
    Mesh,
    MeshClient,
    NoEndpointError,
    RouteDeniedError,
)
from meshlib.events import CallFinished, CallRejected, Event
from support import FakeClock, scripts
from support.versions import V1, V2, Versions, users

TO_V2 = {"name": "new", "match": {"headers": {"x-new": "1"}}, "subset": {"version": "v2"}}


def ask(document: Any, url: str = "http://users/a", **request: Any) -> tuple[httpx.Response, Any]:
    """The response to one request, and what was sent for it."""
    versions = Versions()
    with MeshClient(config=document, transport=versions.transport) as client:
        response = client.request(request.pop("method", "GET"), url, **request)
    return response, versions.last if versions.requests else None


def test_subset_of_the_first_route_that_matches() -> None:
    """A header sends calls to one version, and every other call goes to the next route."""
    old = {"name": "old", "subset": {"version": "v1"}}
    versions = Versions()
    with MeshClient(config=users(TO_V2, old), transport=versions.transport) as client:
        for _ in range(5):
            report = client.get("http://users/a", headers={"x-new": "1"}).extensions["mesh"]
            assert ("new", "v2") == (report.route, report.destination)
        for _ in range(3):
            assert client.get("http://users/a").extensions["mesh"].route == "old"
    assert {"two": 5, "one": 3} == versions.hosts


def test_calls_that_no_route_matches_go_anywhere() -> None:
    """Without a match the route is `default`, and every endpoint may be picked."""
    versions = Versions()
    document = users(TO_V2, balancer="round_robin")
    with MeshClient(config=document, transport=versions.transport) as client:
        reports = [client.get("http://users/a").extensions["mesh"] for _ in range(4)]
    assert {"one": 2, "two": 2} == versions.hosts
    assert {("default", None)} == {(report.route, report.destination) for report in reports}


def test_path_and_headers_are_rewritten_on_the_wire_only() -> None:
    """The endpoint sees what the route makes of it, the caller what it said itself."""
    route = {
        "match": {"path": {"prefix": "/api"}},
        "rewrite": {"prefix": "/v2", "authority": "inner.example"},
        "headers": {
            "request": {"set": {"x-team": "b"}, "remove": ["x-secret"]},
            "response": {"add": {"x-served-by": "mesh"}},
        },
    }
    response, sent = ask(users(route), "http://users/api/x?q=1", headers={"x-secret": "s"})
    assert sent.url.raw_path == b"/v2/x?q=1"
    assert sent.headers["host"] == "inner.example"
    assert sent.headers["x-team"] == "b"
    assert "x-secret" not in sent.headers
    assert response.headers["x-served-by"] == "mesh"
    assert str(response.request.url) == "http://users/api/x?q=1"
    assert response.request.headers["x-secret"] == "s"


def test_rewritten_path_is_sent_by_our_own_wire_too(serve: Any) -> None:
    """The mesh's own connections send the path that the route made."""
    server = serve(scripts.replies(200))
    route = {"match": {"path": {"prefix": "/api"}}, "rewrite": {"prefix": "/v2"}}
    document = {"services": {"users": {"endpoints": [server.url], "routes": [route]}}}
    with MeshClient(config=document) as client:
        client.get("http://users/api/x")
    assert server.requests[0].target == "/v2/x"


ANSWERS = [
    ({"direct_response": {"status": 418, "body": "tea"}}, 418, b"tea"),
    ({"direct_response": {"status": 200, "json": {"a": 1}}}, 200, b'{"a":1}'),
    ({"redirect": {"path": "/b"}}, 301, b""),
]


@pytest.mark.parametrize(("does", "status", "body"), ANSWERS)
async def test_routes_that_answer_send_nothing(
    does: dict[str, Any], status: int, body: bytes
) -> None:
    """The response is the route's own, in blocking and asynchronous clients."""
    document = users({"name": "it", **does})
    response, sent = ask(document)
    async with AsyncMeshClient(config=document, transport=Versions().transport) as client:
        again = await client.get("http://users/a")
    for each in (response, again):
        assert (status, body) == (each.status_code, each.content)
        assert each.extensions["mesh"].route == "it"
        assert each.extensions["mesh"].attempts == ()
    assert sent is None


def test_answers_to_head_have_no_body() -> None:
    """The length is told, the body is not sent."""
    response, _ = ask(users({"direct_response": {"status": 200, "body": "tea"}}), method="HEAD")
    assert ("3", b"") == (response.headers["content-length"], response.content)


def test_redirect_is_followed_as_any_other() -> None:
    """A client that follows redirects calls the place that the route names."""
    versions = Versions()
    route = {"match": {"path": "/old"}, "redirect": {"path": "/new"}}
    with MeshClient(config=users(route), transport=versions.transport) as client:
        response = client.get("http://users/old", follow_redirects=True)
    assert ["/new"] == [request.url.path for request in versions.requests]
    assert str(response.url) == "http://users/new"


def test_denied_call_is_a_rejection() -> None:
    """The error says which route; nothing is sent, and listeners hear of it."""
    events: list[Event] = []
    versions = Versions()
    document = users({"name": "closed", "deny": {"reason": "not yet", "status": 451}})
    with (
        MeshClient(config=document, transport=versions.transport, listeners=[events.append]) as c,
        pytest.raises(RouteDeniedError, match=r"not yet \(route 'closed' of 'users'\)") as caught,
    ):
        c.get("http://users/a")
    assert ("users", "closed", 451) == (
        caught.value.service,
        caught.value.route,
        caught.value.status,
    )
    assert not versions.requests
    assert [CallRejected, CallFinished] == [type(event) for event in events[-2:]]
    assert isinstance(events[-1], CallFinished)
    assert events[-1].route == "closed"


def test_other_service_as_destination() -> None:
    """Its endpoints and its policies, without its routes; the report says both."""
    document = users({"name": "moved", "service": "orders"})
    document["services"]["orders"] = {
        "endpoints": ["http://orders-1:80"],
        "routes": [{"deny": True}],
        "timeout": "3s",
    }
    response, sent = ask(document)
    report = response.extensions["mesh"]
    assert sent.url.host == "orders-1"
    assert sent.headers["host"] == "orders-1"
    assert sent.headers["x-envoy-expected-rq-timeout-ms"] == "3000"
    assert ("orders", "moved", "orders") == (report.service, report.route, report.destination)


def test_unknown_service_as_destination_fails_the_call() -> None:
    """It may be discovered later, so the document is valid and the call is not."""
    with pytest.raises(NoEndpointError, match="no service 'nowhere'"):
        ask(users({"service": "nowhere"}))


def test_policies_of_a_route() -> None:
    """Timeout and retries of the route, where it says them; the others are the service's."""
    routes = (
        {"match": {"path": "/slow"}, "timeout": "90s", "attempt_timeout": "9s"},
        {"match": {"path": "/endless"}, "timeout": 0},
        {"match": {"path": "/once"}, "retry": False},
        {"match": {"path": "/often"}, "retry": {"max_attempts": 5}, "idempotent": True},
    )
    versions = Versions(lambda request: httpx.Response(503))
    document = users(*routes, timeout="30s", retry={"backoff": {"initial": 0}}, breaker=False)
    with MeshClient(config=document, transport=versions.transport) as client:

        def attempts(path: str, method: str = "GET") -> int:
            return len(client.request(method, f"http://users{path}").extensions["mesh"].attempts)

        assert 3 == attempts("/slow")
        sent = versions.last.headers["x-envoy-expected-rq-timeout-ms"]
        assert 8000 < int(sent) <= 9000
        assert (1, 5) == (attempts("/once"), attempts("/often", "POST"))
        assert 3 == attempts("/else")
        assert int(versions.last.headers["x-envoy-expected-rq-timeout-ms"]) <= 30000
        attempts("/endless")
        assert "x-envoy-expected-rq-timeout-ms" not in versions.last.headers


def test_own_budget_of_a_route() -> None:
    """Retries of one route do not use up what other routes may spend."""
    none = {"ratio": 0, "min_per_second": 0}
    route = {"match": {"path": "/a"}, "retry": {"budget": none}}
    versions = Versions(lambda request: httpx.Response(503))
    document = users(route, retry={"backoff": {"initial": 0}})
    with MeshClient(config=document, transport=versions.transport) as client:
        assert len(client.get("http://users/a").extensions["mesh"].attempts) == 1
        assert len(client.get("http://users/b").extensions["mesh"].attempts) == 3


def test_own_breakers_of_a_route() -> None:
    """They open by the calls of the route, and keep no other call away."""
    breaker = {"consecutive_failures": 2, "break_duration": "1m"}
    route = {"name": "a", "match": {"path": "/a"}, "breaker": breaker, "retry": False}
    versions = Versions(lambda request: httpx.Response(500))
    document = users(route, retry=False, breaker={"consecutive_failures": 50})
    with MeshClient(config=document, transport=versions.transport) as client:
        for _ in range(4):
            client.get("http://users/a")
        with pytest.raises(CircuitOpenError):
            client.get("http://users/a")
        assert client.get("http://users/b").status_code == 500
        states = client.mesh.metrics().services["users"].endpoints.values()
        assert {"closed"} == {each.breaker for each in states}


def test_open_breakers_of_a_route_admit_a_probe_in_time() -> None:
    """Time alone makes the route's endpoint half-open, as it does the service's."""
    clock = FakeClock()
    breaker = {"consecutive_failures": 1, "break_duration": 5}
    route = {"name": "a", "breaker": breaker, "retry": False}
    answers = [500, 500, 200, 200]
    versions = Versions(lambda request: httpx.Response(answers.pop(0)))
    mesh = Mesh(config=users(route), clock=clock)
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        client.get("http://users/a")
        client.get("http://users/a")
        with pytest.raises(CircuitOpenError) as caught:
            client.get("http://users/a")
        clock.advance(caught.value.retry_after + 0.001)
        probe = client.get("http://users/a").extensions["mesh"]
        assert "probe" in probe.attempts[0].chosen


def test_hedges_of_a_route() -> None:
    """Only the route that says so sends hedges."""
    route = {"name": "a", "match": {"path": "/a"}, "hedge": {"delay": 1}}
    mesh = Mesh(config=users(route))
    for path, hedged in (("/a", True), ("/b", False)):
        call = mesh.begin(httpx.Request("GET", f"http://users{path}"))
        assert hedged is call.hedged
        call.close()


def test_fault_of_a_route() -> None:
    """It acts on the calls of the route alone, under a name that says so."""
    route = {"name": "a", "match": {"path": "/a"}, "fault": {"abort": {"status": 503}}}
    document = users(route, retry=False)
    versions = Versions()
    with MeshClient(config=document, transport=versions.transport) as client:
        broken, fine = client.get("http://users/a"), client.get("http://users/b")
        assert ("users/a",) == broken.extensions["mesh"].injected
        assert (503, 200) == (broken.status_code, fine.status_code)
        client.mesh.faults.enabled = False
        assert client.get("http://users/a").status_code == 200


def test_fault_rule_that_matches_a_route() -> None:
    """A rule of the document may name a route, too."""
    document = users(TO_V2, retry=False)
    document["faults"] = [{"name": "f", "match": {"route": "new"}, "abort": {"status": 500}}]
    with MeshClient(config=document, transport=Versions().transport) as client:
        assert client.get("http://users/", headers={"x-new": "1"}).status_code == 500
        assert client.get("http://users/").status_code == 200


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"retry": {"max_attemps": 2}}, "services.users.routes[0].retry.max_attemps"),
        ({"breaker": {"failure_ratio": 7}}, "services.users.routes[0].breaker.failure_ratio"),
        ({"hedge": {"delay": "soon"}}, "services.users.routes[0].hedge.delay"),
        ({"fault": {"abort": {}}}, "services.users.routes[0].fault.abort"),
        ({"fault": {"abort": {"status": 500}, "match": {}}}, "services.users.routes[0].fault"),
    ],
)
def test_wrong_override_names_its_place(route: dict[str, Any], path: str) -> None:
    """Settings of other families inside a route are checked with the document."""
    with pytest.raises(ConfigurationError) as caught:
        Mesh(config=users(route))
    assert caught.value.path.startswith(path)


def test_routes_are_not_for_all_services() -> None:
    """In `defaults` they would be everybody's."""
    with pytest.raises(ConfigurationError) as caught:
        Mesh(config={"defaults": {"routes": [TO_V2]}})
    assert caught.value.path == "defaults.routes"


def test_explain_tells_route_destination_and_the_routes_before() -> None:
    """Without sending anything, and with why other routes did not match."""
    first = {"name": "first", "match": {"method": "POST"}, "deny": True}
    mesh = Mesh(config=users(first, {"name": "rest", "subset": {"version": "v2"}}))
    report = mesh.explain("http://users/a")
    assert ("rest", "v2") == (report.route, report.destination)
    assert report.endpoint is not None
    assert report.endpoint.url == V2["url"]
    assert "POST" in report.skipped_routes["first"]
    assert "by the route 'rest' to 'v2'" in str(report)
    assert "not 'first'" in str(report)


def test_explain_of_a_service_without_routes_says_nothing_of_them() -> None:
    """It is as before there were routes."""
    report = Mesh(services={"users": ["http://a:80"]}).explain("http://users/a")
    assert ("default", None, None) == (report.route, report.destination, report.tenant)
    assert {} == report.skipped_routes


def test_subset_without_an_endpoint() -> None:
    """The error says that no endpoint is known; a fallback to any endpoint is heeded."""
    none = {"subset": {"version": "v9"}}
    with pytest.raises(NoEndpointError):
        ask(users(none))
    split = {"split": [{**none, "subset_fallback": "any"}]}
    assert ask(users(split))[0].status_code == 200


def test_new_endpoints_come_into_their_subset() -> None:
    """A subset follows the service's endpoints."""
    versions = Versions()
    mesh = Mesh(config=users({"subset": {"version": "v2"}}))
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        client.get("http://users/a")
        third = {"url": "http://three:80", "metadata": {"version": "v2"}}
        service = {"endpoints": [V1, third], "routes": [{"subset": {"version": "v2"}}]}
        mesh.apply({"services": {"users": service}})
        client.get("http://users/a")
    assert ["two", "three"] == [request.url.host for request in versions.requests]


def test_weights_are_kept_to() -> None:
    """Of 100,000 calls, each version gets its share within one percent."""
    split = {
        "name": "s",
        "split": [
            {"subset": {"version": "v2"}, "weight": 20},
            {"subset": {"version": "v1"}, "weight": 80},
        ],
    }
    mesh = Mesh(config=users(split), rng=random.Random(7))
    request = httpx.Request("GET", "http://users/a")
    chosen = 0
    for _ in range(100_000):
        call = mesh.begin(request)
        chosen += call.lane.destination.name == "v2"
    assert abs(chosen / 100_000 - 0.2) < 0.01


def test_users_stay_while_a_share_grows() -> None:
    """Who is in at 10 % is in at 20 %, through a new document; a cohort is fixed."""

    def document(weight: int) -> dict[str, Any]:
        return users(
            {
                "name": "s",
                "key": {"header": "x-user-id"},
                "variants": {"v2": {"headers": {"x-user-cohort": "B"}}},
                "split": [
                    {"subset": {"version": "v2"}, "weight": weight},
                    {"subset": {"version": "v1"}, "weight": 100 - weight},
                ],
            }
        )

    mesh = Mesh(config=document(10))

    def inside() -> set[int]:
        return {n for n in range(2000) if goes({"x-user-id": str(n)}) == "v2"}

    def goes(headers: dict[str, str]) -> str:
        call = mesh.begin(httpx.Request("GET", "http://users/a", headers=headers))
        return str(call.lane.destination.name)

    tenth = inside()
    mesh.apply(document(20))
    fifth = inside()
    assert tenth < fifth
    assert 150 < len(tenth) < 250 < len(fifth) < 450
    assert {"v2"} == {goes({"x-user-cohort": "B", "x-user-id": str(n)}) for n in range(100)}


def test_retries_stay_in_the_version() -> None:
    """A split is chosen once for each call: another version cannot hide what one does wrong."""
    split = {"name": "s", "split": [{"subset": {"version": "v2"}}, {"subset": {"version": "v1"}}]}
    versions = Versions(lambda request: httpx.Response(503))
    retry = {"backoff": {"initial": 0}, "budget": {"min_per_second": 100}}
    document = users(split, retry=retry, breaker=False)
    with MeshClient(config=document, transport=versions.transport) as client:
        for _ in range(20):
            report = client.get("http://users/a").extensions["mesh"]
            assert len({attempt.endpoint.url for attempt in report.attempts}) == 1


def test_query_is_kept_for_a_request_with_a_json_body() -> None:
    """Bodies pass through routes untouched."""
    response, sent = ask(users(TO_V2), method="POST", json={"a": 1}, headers={"x-new": "1"})
    assert response.status_code == 200
    assert json.loads(sent.content) == {"a": 1}


def test_state_of_routes_survives_a_new_document() -> None:
    """Breakers, balancer and weights of routes that stay are the same objects."""
    route = {
        "name": "a",
        "match": {"path": "/a"},
        "subset": {"version": "v2"},
        "breaker": {"consecutive_failures": 2},
        "hedge": {"delay": 1},
        "retry": {"budget": {"ratio": 0.5}},
    }
    mesh = Mesh(config=users(route))

    def lane() -> Any:
        return mesh.begin(httpx.Request("GET", "http://users/a")).lane

    before = lane()
    mesh.apply(users(route, timeout="7s"))
    after = lane()
    assert after.policies.timeout == 7.0
    for part in ("view", "hedge", "budget", "bulkhead"):
        assert getattr(before, part) is getattr(after, part)
    mesh.apply(users({**route, "breaker": {"consecutive_failures": 3}}))
    assert lane().view is not before.view
    service = mesh.service("users")
    assert [lane().view] == list(service.views)
    mesh.apply(users())
    assert service.router is None
    assert service.views == ()


def test_call_that_loses_its_routes_meanwhile() -> None:
    """A router that another thread takes away is not missed."""
    mesh = Mesh(config=users(TO_V2))
    service = mesh.service("users")
    service.router = None
    call = mesh.routing.begin(service, httpx.Request("GET", "http://users/"), None, None, True)
    assert call.lane is service


def test_options_of_a_call_go_before_those_of_its_route() -> None:
    """The one who calls knows best."""
    mesh = Mesh(config=users({"timeout": "9s"}))
    request = httpx.Request("GET", "http://users/", extensions={"mesh": CallOptions(timeout=2.0)})
    call = mesh.begin(request)
    assert call.deadline - call.started == 2.0


def test_forked_child_takes_the_state_of_routes_with_it() -> None:
    """Breakers of routes stay as they are, and no call is in flight on them."""
    breaker = {"consecutive_failures": 1}
    mesh = Mesh(config=users({"name": "a", "subset": {"version": "v2"}, "breaker": breaker}))
    (view,) = mesh.service("users").views
    (target,) = view.targets
    assert view.breakers is not None
    view.breakers[target].isolate()
    mesh.renew()
    (renewed,) = mesh.service("users").views
    assert renewed.breakers[target].state.value == "isolated"


def test_broken_connection_counts_for_the_breaker_of_the_route(serve: Any) -> None:
    """An error of the wire is counted where the answer would have been."""
    server = serve(scripts.close_after_request())
    route = {"name": "a", "breaker": {"consecutive_failures": 2}, "retry": False}
    document = {"services": {"users": {"endpoints": [server.url], "routes": [route]}}}
    with MeshClient(config=document) as client:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get("http://users/a")
        with pytest.raises(CircuitOpenError, match="'users' in 'default'"):
            client.get("http://users/a")


@pytest.mark.parametrize(("said", "hedged"), [(False, False), (True, True), ({"delay": 2}, True)])
def test_hedges_are_switched_by_a_route(said: Any, hedged: bool) -> None:
    """True and false over what the service says, and settings merged into it."""
    mesh = Mesh(config=users({"hedge": said}, hedge={"delay": 1, "max_hedges": 2}))
    call = mesh.begin(httpx.Request("GET", "http://users/a"))
    assert hedged is call.hedged
    assert (call.lane.policies.hedge and call.lane.policies.hedge.max_hedges) == (
        2 if hedged else None
    )


def test_no_fault_is_a_fault_of_false() -> None:
    """False is how a document says that there is none."""
    assert () == Mesh(config=users({"fault": False})).faults.rules
