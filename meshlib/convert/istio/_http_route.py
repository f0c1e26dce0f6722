"""
The Gateway API's HTTPRoute.

Its rules stand in no order: the match that says most is followed. Here the first that
matches is, so the matches of all rules are sorted, each a route, before they are entered.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from .._part import Part
from .._text import duration_text
from ._draft import Draft, Host, Tree
from ._filters import backend, read_backend_headers, read_filters
from ._gateway_match import precedence, read_gateway_match
from ._resources import Resource


class Sorted(NamedTuple):
    """One match of a rule, with what decides where it stands."""

    precedence: tuple[int, ...]
    number: int
    match: Tree
    action: Tree


def read_http_route(resource: Resource, draft: Draft, rules: dict[str, list[Sorted]]) -> None:
    """Enter the matches of *resource* in *rules*, by service, and all else in its account."""
    spec = resource.spec
    spec.lose("useDefaultGateways", "calls from inside a process pass no gateway")
    services = _services(spec, draft, resource.namespace)
    if not services:
        spec.lose("", "neither a Service as parent nor a hostname says whose calls it takes")
        return
    for rule in spec.parts("rules"):
        for name in services:
            _rule(rule, draft, name, resource.namespace, rules.setdefault(name, []))


def enter(rules: dict[str, list[Sorted]], draft: Draft) -> None:
    """Enter the sorted matches in *draft*, neighbours of one rule together."""
    for name, found in rules.items():
        found.sort(key=lambda each: (each.precedence, each.number))
        routes = draft.services[name].setdefault("routes", [])
        for _, group in groupby(found, key=lambda each: id(each.action)):
            members = list(group)
            matches = [each.match for each in members if each.match]
            tree = dict(members[0].action)
            if len(matches) == len(members):
                title = {"name": tree.pop("name")} if "name" in tree else {}
                match = matches if len(matches) > 1 else matches[0]
                tree = {**title, "match": match, **tree}
            routes.append(tree)


def _services(spec: Part, draft: Draft, namespace: str) -> list[str]:
    found = []
    for parent in spec.parts("parentRefs"):
        if (parent.text("kind") or "Gateway") != "Service":
            parent.lose("", "calls from inside a process pass no gateway")
            continue
        parent.lose("sectionName", "a service has one port")
        host = backend(parent, draft, namespace)
        if host is not None:
            found.append(draft.name(host))
    if found:
        spec.lose("hostnames", "with a Service as parent they mean nothing")
        return list(dict.fromkeys(found))
    for text in spec.texts("hostnames"):
        if text.startswith("*"):
            spec.lose("hostnames", f"{text!r} is a pattern, and a service has one name")
        else:
            name = draft.named(Host(text.lower(), ""), spec, "hostnames")
            found += [] if name is None else [name]
    return found


def _rule(rule: Part, draft: Draft, own: str, namespace: str, found: list[Sorted]) -> None:
    action = _action(rule, draft, own, namespace)
    if action is None:
        return
    said = rule.parts("matches")
    matches = [read_gateway_match(part) for part in said] if said else [{}]
    kept = [match for match in matches if match is not None]
    if not kept:
        rule.lose("", "none of its matches is left")
    by_prefix = any("prefix" in action.get(key, ()) for key in ("rewrite", "redirect"))
    for match in kept:
        if by_prefix:
            match.setdefault("path", {"path_prefix": "/"})
        order = precedence(match)
        if match.get("path") == {"path_prefix": "/"} and not by_prefix:
            match = {key: value for key, value in match.items() if key != "path"}
        if not draft.valid({"routes": [{**action, "match": match}]}, rule, ""):
            return
        found.append(Sorted(order, len(found), match, action))


def _action(rule: Part, draft: Draft, own: str, namespace: str) -> Tree | None:
    tree: Tree = {}
    name = rule.text("name")
    if name:
        tree["name"] = name
    filters = read_filters(rule, draft, namespace)
    if filters is None:
        return None
    if "redirect" in filters:
        for key in ("backendRefs", "timeouts", "retry", "sessionPersistence"):
            rule.lose(key, "it has no effect beside a redirect")
        if filters.keys() - {"redirect"}:
            rule.lose("filters", "only the redirect has an effect")
        return {**tree, "redirect": filters["redirect"]}
    destinations = _backends(rule, draft, own, namespace)
    if destinations is None:
        return {**tree, "direct_response": {"status": 500}}
    tree.update(destinations)
    tree.update(filters)
    _timeouts(rule, tree)
    _retry(rule, tree)
    _session(rule, draft, own)
    return tree


def _backends(rule: Part, draft: Draft, own: str, namespace: str) -> Tree | None:
    """Where calls go; None for nowhere, which the specification answers with 500."""
    split: list[Tree] = []
    for part in rule.parts("backendRefs"):
        weight = part.whole("weight")
        host = backend(part, draft, namespace)
        if host is None:
            continue
        name = draft.name(host)
        tree: Tree = {} if name == own else {"service": name}
        headers = read_backend_headers(part)
        if headers:
            tree["headers"] = headers
        split.append({**tree, "weight": 1 if weight is None else weight})
    if not any(tree["weight"] for tree in split):
        return None
    if len(split) > 1:
        return {"split": [_named(tree, number, split) for number, tree in enumerate(split)]}
    (only,) = split
    del only["weight"]
    return {"split": [only]} if "headers" in only else only


def _named(tree: Tree, number: int, split: list[Tree]) -> Tree:
    twice = [other.get("service") for other in split].count(tree.get("service")) > 1
    return {"name": f"{tree.get('service', 'default')}-{number}", **tree} if twice else tree


def _timeouts(rule: Part, tree: Tree) -> None:
    block = rule.part("timeouts")
    if block is None:
        return
    for key, name in (("request", "timeout"), ("backendRequest", "attempt_timeout")):
        seconds = block.seconds(key)
        if seconds is not None:
            tree[name] = duration_text(seconds)


def _retry(rule: Part, tree: Tree) -> None:
    block = rule.part("retry")
    if block is None:
        return
    retry: Tree = {}
    attempts = block.whole("attempts")
    if attempts is not None:
        retry["max_attempts"] = attempts + 1
    codes: Any = block.raw("codes")
    if codes is not None:
        retry["statuses"] = codes
    backoff = block.seconds("backoff")
    if backoff is not None:
        retry["backoff"] = {"initial": duration_text(backoff)}
    if retry:
        tree["retry"] = retry


def _session(rule: Part, draft: Draft, own: str) -> None:
    block = rule.part("sessionPersistence")
    if block is None:
        return
    kind = (block.text("type") or "Cookie").lower()
    older = block.text("sessionName")
    named = block.part(kind)
    name = older if named is None else named.text("name") or older
    tree: Tree = {kind: name or "session"}
    limit = block.seconds("absoluteTimeout")
    if limit:
        tree["time_limit"] = duration_text(limit)
    path = named.text("path") if named is not None else None
    if path:
        tree["path"] = path
    lifetime = named.text("lifetimeType") if named is not None else None
    if named is not None and lifetime is not None and (lifetime == "Permanent") != bool(limit):
        named.lose("lifetimeType", "the cookie lasts as long as the session")
    block.lose("idleTimeout", "a session ends after a time, however busy it is", "`time_limit`")
    if not draft.valid({"affinity": tree}, rule, "sessionPersistence"):
        return
    same = draft.services[own].setdefault("affinity", tree) == tree
    rule.lose("sessionPersistence", "it is of the whole service, not of one rule", lost=not same)
