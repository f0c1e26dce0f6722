"""
Istio's LoadBalancerSettings.
"""

from __future__ import annotations

from .._part import Part
from .._text import duration_text
from ._draft import Draft, Host, Tree

_SIMPLE = {
    "ROUND_ROBIN": "round_robin",
    "RANDOM": "random",
    "LEAST_REQUEST": "least_request",
    "LEAST_CONN": "least_request",
}
_LOCALITY = "endpoints say where they are, and their order is `priority`"


def read_balancing(policy: Part, host: Host, draft: Draft) -> None:
    """Enter the balancer that *policy* says in *draft*, and all else in the account."""
    part = policy.part("loadBalancer")
    if part is None:
        return
    for key in ("localityLbSetting", "zoneAwareLbSetting"):
        part.lose(key, _LOCALITY, "`zone` of the source, and `priority` of endpoints")
    simple = part.text("simple")
    if simple in _SIMPLE:
        draft.put(host, "balancer", {"name": _SIMPLE[simple]}, policy, "loadBalancer")
    elif simple is not None and simple != "UNSPECIFIED":
        part.lose("simple", "endpoints are always chosen here", "`round_robin`")
    elif simple is not None:
        part.lose("simple", "it leaves the choice to Istio, and is left out")
    _hashed(part, host, draft)
    _warmup(part, host, draft)


def _hashed(part: Part, host: Host, draft: Draft) -> None:
    block = part.part("consistentHash")
    if block is None:
        return
    tree: Tree = {"name": "ring_hash"}
    maglev = block.part("maglev")
    ring = block.part("ringHash")
    size = block.whole("minimumRingSize")
    if maglev is not None:
        tree["name"] = "maglev"
        table = maglev.whole("tableSize")
        if table:
            tree["table_size"] = table
    if ring is not None:
        size = ring.whole("minimumRingSize") or size
    if size and maglev is None:
        tree["minimum_ring_size"] = size
    elif size:
        block.lose("minimumRingSize", "a Maglev table has no ring")
    key = _key(block)
    if not key:
        block.lose("", "it names no key")
        return
    draft.put(host, "balancer", {**tree, "key": key}, part, "consistentHash")


def _key(block: Part) -> Tree:
    header = block.text("httpHeaderName")
    query = block.text("httpQueryParameterName")
    address = block.flag("useSourceIp")
    cookie = block.part("httpCookie")
    if cookie is not None:
        for key in ("ttl", "path", "attributes"):
            cookie.lose(key, "a cookie is read, and never set", "`affinity`, which sets one")
        name = cookie.text("name")
        return {"cookie": name} if name else {}
    if header:
        return {"header": header}
    if query:
        return {"query": query}
    return {"client_ip": True} if address else {}


def _warmup(part: Part, host: Host, draft: Draft) -> None:
    tree: Tree = {}
    window = part.seconds("warmupDurationSecs")
    block = part.part("warmup")
    if block is not None:
        window = block.seconds("duration")
        lowest = block.number("minimumPercent")
        aggression = block.number("aggression")
        if lowest is not None:
            tree["min_weight"] = lowest / 100
        if aggression is not None:
            tree["aggression"] = aggression
    if window is not None:
        tree = {"window": duration_text(window), **tree}
    draft.put(host, "slow_start", tree, part, "warmup")
