"""What both can express survives the way to Istio and back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.config import FaultRule, RetryOptions, load_config
from meshlib.convert import export_kubernetes, import_istio, to_yaml

Tree = dict[str, Any]
WORDS = st.sampled_from(["a", "b1", "c-2", "x.y"])
HEADERS = st.sampled_from(["x-a", "x-b", "x-c"])
PATHS = st.sampled_from(["/", "/a", "/a/b", "/c-1/", "/%20"])
REGEXES = st.sampled_from(["a.*", "[0-9]+", "(x|y)z?"])
SECONDS = st.sampled_from(["0.05s", "0.25s", "1s", "90s"])
SHARES = st.sampled_from([0.5, 5, 12.5, 100])


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    """A mapping that has any of these keys."""
    return st.fixed_dictionaries({}, optional=parts)


TEXTS = st.one_of(
    st.builds(lambda word: {"exact": word}, WORDS),
    st.builds(lambda word: {"prefix": word}, WORDS),
    st.builds(lambda regex: {"regex": regex}, REGEXES),
    st.just({"present": True}),
)
PATH = st.one_of(
    st.builds(lambda kind, path: {kind: path}, st.sampled_from(["exact", "prefix"]), PATHS),
    st.builds(lambda path: {"prefix": path, "ignore_case": True}, PATHS),
    st.builds(lambda regex: {"regex": f"/{regex}"}, REGEXES),
)
MATCH = some(
    path=PATH,
    method=st.lists(st.sampled_from(["GET", "POST", "PUT"]), min_size=1, unique=True),
    headers=st.dictionaries(HEADERS, TEXTS, min_size=1),
    query=st.dictionaries(WORDS, TEXTS, min_size=1),
    caller=WORDS,
).filter(bool)
OPERATIONS = some(
    set=st.dictionaries(HEADERS, st.sampled_from(["1", "50%", "a b"]), min_size=1),
    add=st.dictionaries(HEADERS, WORDS, min_size=1),
    remove=st.lists(HEADERS, min_size=1, unique=True),
).filter(bool)
CHANGES = some(request=OPERATIONS, response=OPERATIONS).filter(bool)
SPLIT = st.lists(st.sampled_from(["v1", "v2", "v3"]), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.tuples(*(st.integers(1, 100) for _ in names)).map(
        lambda weights: [
            {"name": name, "subset": {"version": name}, **({"weight": weight} if names[1:] else {})}
            for name, weight in zip(names, weights, strict=True)
        ]
    )
)
POLICIES = some(
    headers=CHANGES,
    timeout=st.one_of(st.just(0), SECONDS),
    attempt_timeout=SECONDS,
    rewrite=st.one_of(
        st.just({"authority": "other.internal"}),
        st.just({"regex": {"match": "^/a/(.*)$", "rewrite": r"/b/\1"}}),
    ),
    fault=some(
        delay=st.builds(
            lambda share, fixed: {"percentage": share, "fixed": fixed}, SHARES, SECONDS
        ),
        abort=st.builds(lambda share: {"percentage": share, "status": 503}, SHARES),
    ).filter(bool),
    mirror=st.builds(lambda share: [{"service": "audit", "percentage": share}], SHARES),
)
RETRY = st.builds(
    lambda most, statuses: {"max_attempts": most, "statuses": sorted(statuses)},
    st.integers(1, 9),
    st.sets(st.sampled_from([429, 500, 502, 503])),
)
WHERE = st.one_of(st.builds(lambda split: {"split": split}, SPLIT), st.just({"service": "other"}))
FORWARD = st.builds(
    lambda where, policies, retry: {**where, **policies, "retry": retry}, WHERE, POLICIES, RETRY
)
ANSWERS = st.one_of(
    st.builds(
        lambda change: {"redirect": {**change, "code": 308}},
        some(path=PATHS, authority=st.just("a.com"), port=st.just(8443)).filter(bool),
    ),
    st.builds(lambda body: {"direct_response": {"status": 418, "body": body}}, WORDS),
)
ROUTES = st.lists(
    st.builds(
        lambda match, action: {"match": match, **action},
        st.lists(MATCH, min_size=1, max_size=2),
        st.one_of(FORWARD, ANSWERS),
    ),
    max_size=3,
).map(lambda routes: [{"name": f"r{n}", **route} for n, route in enumerate(routes)])
SERVICE = some(
    balancer=st.sampled_from(["round_robin", "random", "least_request"]),
    breaker=some(consecutive_failures=st.integers(1, 9), break_duration=SECONDS).filter(bool),
    outlier=some(interval=SECONDS, max_ejection_ratio=st.just(0.25)).filter(bool),
    bulkhead=some(max_concurrency=st.integers(1, 99), max_queue=st.integers(1, 9)).filter(bool),
    panic=st.just({"threshold": 0.5}),
)


def back(document: Tree) -> Tree:
    """The document that comes back of what is written for *document*."""
    objects, findings = export_kubernetes(load_config(document, environ={}))
    assert {"name"} >= {each.path for each in findings}
    traffic = [each for each in objects if "istio" in each["apiVersion"]]
    return import_istio([("f", to_yaml(*traffic).encode())]).document


def routes(document: Tree) -> Any:
    """The routes of `users`, without those that say what holds without them."""
    found = load_config(document, environ={}).services.get("users")
    return [] if found is None else [_plain(each.model_dump()) for each in found.routes]


def _plain(route: Tree) -> Tree:
    """*route* with the settings of other families read, which it keeps as they were said."""
    for key, read in (("retry", RetryOptions), ("fault", FaultRule)):
        if route[key] is not None:
            name = {"name": "route"} if key == "fault" else {}
            route[key] = read.model_validate({**name, **route[key]}).model_dump()
    return route


@settings(max_examples=50)
@given(ROUTES)
def test_routes_come_back(said: list[Tree]) -> None:
    """Matches, splits, changes, policies and answers are the same, in the same order."""
    document = {"services": {"users": {"routes": said}, "audit": {}, "other": {}}}
    assert routes(document) == routes(back(document))


@settings(max_examples=50)
@given(SERVICE)
def test_policies_come_back(said: Tree) -> None:
    """Balancer, breaker, ejection, limits and panic are the same."""
    document = {"services": {"users": said}}
    before = load_config(document, environ={}).services["users"]
    after = load_config(back(document), environ={}).services.get("users")
    assert before.model_dump() == (after or type(before)()).model_dump()


@settings(max_examples=50)
@given(ROUTES)
def test_the_way_there_again_writes_the_same(said: list[Tree]) -> None:
    """What came back is written as what it came from."""
    document = {"services": {"users": {"routes": said}, "audit": {}, "other": {}}}
    first = export_kubernetes(load_config(document, environ={})).objects
    second = export_kubernetes(load_config(back(document), environ={})).objects
    assert first == second
