"""
How one part of a document overrides another: key by key, and lists as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._switches import switched
from ._trees import Tree

_CHECKS = frozenset({"call", "command", "grpc", "http", "tcp", "tls"})
"""Of these a health check has exactly one."""


def merge_document(base: Tree, over: Tree) -> Tree:
    """*base* with what *over* says; neither is changed."""
    merged = {**base, **over}
    if isinstance(base.get("services"), Mapping) and isinstance(over.get("services"), Mapping):
        merged["services"] = merge_services(base["services"], over["services"])
    if isinstance(base.get("defaults"), Mapping) and isinstance(over.get("defaults"), Mapping):
        merged["defaults"] = merge_service(base["defaults"], over["defaults"])
    if "discovery" in base and "discovery" in over:
        merged["discovery"] = _merge_discovery(base["discovery"], over["discovery"])
    for key in ("fault_control", "outbound"):
        if key in base and key in over:
            # Whoever adds a switch must not open what was closed.
            merged[key] = merge(base[key], over[key])
    if isinstance(base.get("inbound"), Mapping) and isinstance(over.get("inbound"), Mapping):
        merged["inbound"] = _merge_inbound(base["inbound"], over["inbound"])
    return merged


def _merge_inbound(base: Tree, over: Tree) -> Tree:
    """Key by key, but for the limit, of which there is one kind."""
    merged: Tree = merge(base, over)
    if "concurrency" in over:
        merged["concurrency"] = over["concurrency"]
    return merged


def merge_services(base: Tree, over: Tree) -> Tree:
    """The services of both, those of the same name merged."""
    merged = dict(base)
    for name, service in over.items():
        merged[name] = merge_service(base[name], service) if name in base else service
    return merged


def merge_service(base: Tree, over: Tree) -> Tree:
    """
    One service, or the defaults of all, with what *over* says.

    Endpoints and discovery are two answers to one question: whichever *over* gives
    replaces either.
    """
    merged = dict(base)
    for key, value in said_over(base, over).items():
        if key in base:
            inherited = switched(key, None, True) if base[key] is True else base[key]
            value = _merge_section(key, inherited, value)
        merged[key] = value
    if "discovery" not in over and over.get("endpoints") is not None:
        merged.pop("discovery", None)
    elif "endpoints" not in over and over.get("discovery") is not None:
        merged.pop("endpoints", None)
    return merged


def said_over(base: Tree, over: Tree) -> Tree:
    """*over* with what true and false for whole sections mean over those of *base*."""
    return {
        key: switched(key, base[key], value) if key in base else value
        for key, value in over.items()
    }


def _merge_section(key: str, base: Any, over: Any) -> Any:
    if key == "balancer":
        return _merge_balancer(base, over)
    if key == "discovery":
        return _merge_discovery(base, over)
    if key == "health_check":
        return _merge_health_check(base, over)
    if key in ("fallback", "token"):
        return over  # one answer, not a mixture of two
    return merge(base, over)


def merge(base: Any, over: Any) -> Any:
    """*over*, and where both are mappings, also the keys that only *base* has."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    merged = dict(base)
    for key, value in over.items():
        merged[key] = merge(base[key], value) if key in base else value
    return merged


def _merge_balancer(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    if over.get("name", base.get("name")) != base.get("name"):
        return over  # the settings of one strategy say nothing of another
    merged: Tree = merge(base, over)
    if "key" in over:
        merged["key"] = over["key"]  # a key has one origin, so two cannot be merged
    return merged


def _merge_health_check(base: Any, over: Any) -> Any:
    """Another kind of check replaces the inherited one; when to check is inherited."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    if _CHECKS & over.keys():
        base = {key: value for key, value in base.items() if key not in _CHECKS - over.keys()}
    return merge(base, over)


def _merge_discovery(base: Any, over: Any) -> Any:
    """Settings for the same source are merged; another source replaces it."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping) or base.keys() != over.keys():
        return over
    return {key: {**(base[key] or {}), **(over[key] or {})} for key in over}
