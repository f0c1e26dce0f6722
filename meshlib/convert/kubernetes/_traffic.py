"""
Istio's TrafficPolicy out of the policies of a service.
"""

from __future__ import annotations

from .._part import Part
from ._matches import Tree
from ._names import seconds

_SIMPLE = {
    "round_robin": "ROUND_ROBIN",
    "random": "RANDOM",
    "least_request": "LEAST_REQUEST",
    "least_connections": "LEAST_REQUEST",
    "least_response_time": "LEAST_REQUEST",
    "weighted": "LEAST_REQUEST",
}
_NEAR = {
    "least_connections": "it samples two endpoints, and does not look at all of them",
    "least_response_time": "it looks at calls in flight, and not at time",
    "weighted": "weights are those of endpoints, and of localities",
}
_HASHING = ("ring_hash", "maglev", "ip_hash")


def read_policy(service: Part) -> Tree:
    """The traffic policy of *service*; empty when it says nothing of it."""
    tree: Tree = {}
    for key, said in (
        ("loadBalancer", _balancer(service)),
        ("connectionPool", _pool(service)),
        ("outlierDetection", _outlier(service)),
    ):
        if said:
            tree[key] = said
    return tree


def _balancer(service: Part) -> Tree:
    block = service.part("balancer")
    tree: Tree = {}
    if block is not None:
        name = block.text("name") or "least_connections"
        if name in _HASHING:
            tree = {"consistentHash": _hash(block, name)}
            if not tree["consistentHash"]:
                return {}
        else:
            tree = {"simple": _SIMPLE[name]}
            if name in _NEAR:
                block.lose("name", f"Istio's nearest is LEAST_REQUEST: {_NEAR[name]}", lost=False)
    slow = service.part("slow_start")
    window = None if slow is None else slow.number("window")
    if slow is None or not window:
        return tree
    if "consistentHash" in tree:
        slow.lose("", "Istio warms endpoints up for ROUND_ROBIN and LEAST_REQUEST only")
        return tree
    warmup: Tree = {"duration": seconds(window)}
    lowest, aggression = slow.number("min_weight"), slow.number("aggression")
    if lowest is not None:
        warmup["minimumPercent"] = round(lowest * 100, 6)
    if aggression is not None:
        warmup["aggression"] = aggression
    return {**(tree or {"simple": "LEAST_REQUEST"}), "warmup": warmup}


def _hash(block: Part, name: str) -> Tree:
    tree = _key(block)
    if not tree:
        return {}
    size, table = block.whole("minimum_ring_size"), block.whole("table_size")
    if name == "maglev":
        tree["maglev"] = {"tableSize": table} if table else {}
    elif size:
        tree["ringHash"] = {"minimumRingSize": size}
    return tree


def _key(block: Part) -> Tree:
    key = block.part("key")
    if key is None:
        return {"useSourceIp": True}  # the default here, too
    header, query, cookie = key.text("header"), key.text("query"), key.text("cookie")
    if header:
        return {"httpHeaderName": header}
    if query:
        return {"httpQueryParameterName": query}
    if cookie:
        why = "Istio sets the cookie where it is missing, for as long as the browser runs"
        key.lose("cookie", why, lost=False)
        return {"httpCookie": {"name": cookie, "ttl": "0s"}}
    if key.flag("client_ip"):
        return {"useSourceIp": True}
    block.lose("", "Istio hashes a header, a cookie, a parameter or an address", "`header`")
    return {}


def _pool(service: Part) -> Tree:
    block = service.part("bulkhead")
    if block is None:
        return {}
    tree: Tree = {}
    most, queue = block.whole("max_concurrency"), block.whole("max_queue")
    if most is not None:
        tree["http2MaxRequests"] = most
    if queue == 0:
        block.lose("max_queue", "Istio takes 0 for its default, which is no limit", "1")
    elif queue is not None:
        tree["http1MaxPendingRequests"] = queue
    return {"http": tree} if tree else {}


def _outlier(service: Part) -> Tree:
    tree: Tree = {}
    breaker = service.part("breaker")
    if breaker is not None:
        if breaker.flag("enabled") is False:
            tree["consecutive5xxErrors"] = 0
        elif breaker.has("consecutive_failures"):
            tree["consecutive5xxErrors"] = breaker.whole("consecutive_failures")
        elif "consecutive_failures" in breaker:
            breaker.raw("consecutive_failures")
            tree["consecutive5xxErrors"] = 0
        duration, longest = breaker.number("break_duration"), breaker.number("max_break_duration")
        if duration is not None:
            tree["baseEjectionTime"] = seconds(duration)
        if longest is not None and longest != duration:
            breaker.lose("max_break_duration", "Istio has no end for an ejection")
    outlier = service.part("outlier")
    if outlier is not None:
        interval, ratio = outlier.number("interval"), outlier.number("max_ejection_ratio")
        if interval is not None:
            tree["interval"] = seconds(interval)
        if ratio is not None:
            tree["maxEjectionPercent"] = round(ratio * 100)
    panic = service.part("panic")
    threshold = None if panic is None else panic.number("threshold")
    if threshold is not None:
        tree["minHealthPercent"] = round(threshold * 100)
    return tree
