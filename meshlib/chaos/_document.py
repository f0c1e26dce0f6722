"""
Faults in the document that other processes follow, and out of it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any

import yaml

from .._exceptions import ConfigurationError, ConflictError
from ..config import DocumentStore
from ..config.store import Stored, run_blocking
from ..discovery import parse_document
from ..faults import FaultRule
from ._timeline import run_of

_ATTEMPTS = 5
"""Times that a document is read again which others replace at the same moment."""


class DocumentFaults:
    """
    *rules* in the document of *store*, which other processes follow.

    Blocks for *timeout* seconds at most, each time. Raises StoreError, TimeoutError, and
    ConfigurationError for a document that cannot be changed.
    """

    def __init__(
        self, store: DocumentStore, rules: Sequence[FaultRule], *, timeout: float = 10.0
    ) -> None:
        self._store = store
        self._rules = rules
        self._timeout = timeout
        self._original: bytes | None = None
        self._written: bytes | None = None

    def begin(self) -> None:
        """Put them in."""

        def change(content: bytes) -> bytes:
            self._original = content
            self._written = with_faults(content, _name(self._store), self._rules)
            return self._written

        run_blocking(_changed, self._store, change, timeout=self._timeout)

    def end(self) -> None:
        """Take them out: the document is as before, but for what others changed meanwhile."""
        if self._written is None:
            return
        runs = {run_of(rule.name) for rule in self._rules}

        def change(content: bytes) -> bytes:
            if content == self._written and self._original is not None:
                return self._original
            return without_faults(content, _name(self._store), runs)[0]

        run_blocking(_changed, self._store, change, timeout=self._timeout)
        self._written = None


def take_out(
    store: DocumentStore, run: str | None = None, *, timeout: float = 10.0
) -> tuple[str, ...]:
    """
    Take out of the document what runs have left there, or one *run*; the names of the rules.

    The bytes of the document are those of its history where that has it as it was.
    """
    return run_blocking(_take_out, store, run, timeout=timeout)


async def _take_out(store: DocumentStore, run: str | None) -> tuple[str, ...]:
    name = _name(store)
    runs = None if run is None else {run}
    removed: tuple[str, ...] = ()
    history = [one.content for one in await store.history()]

    def change(content: bytes) -> bytes:
        nonlocal removed
        left, removed = without_faults(content, name, runs)
        if not removed:
            return content
        wanted = _tree(left, name)
        for old in reversed(history):
            if _same(old, name, wanted):
                return old
        return left

    await _changed(store, change)
    return removed


def with_faults(content: bytes, name: str, rules: Sequence[FaultRule]) -> bytes:
    """
    The document in *content* with *rules*, in the format that *name* tells.

    They are in every overlay that has faults of its own, too, which would hide them. What
    YAML had beside its data, such as comments, is lost until they are taken out.
    """
    tree = _tree(content, name)
    said = [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in rules]
    for place in _places(tree, also_without=True):
        place["faults"] = [*(place.get("faults") or ()), *said]
    return _written(tree, name)


def without_faults(
    content: bytes, name: str, runs: AbstractSet[str | None] | None
) -> tuple[bytes, tuple[str, ...]]:
    """The document without the rules of *runs*, None for all of them; and their names."""
    tree = _tree(content, name)
    removed: list[str] = []
    for place in _places(tree):
        kept = []
        for rule in place["faults"]:
            run = run_of(str(rule.get("name"))) if isinstance(rule, Mapping) else None
            if run is None or (runs is not None and run not in runs):
                kept.append(rule)
            else:
                removed.append(str(rule["name"]))
        if kept:
            place["faults"] = kept
        else:
            del place["faults"]
    names = tuple(dict.fromkeys(removed))
    return (_written(tree, name) if removed else content), names


def _places(tree: dict[str, Any], *, also_without: bool = False) -> list[dict[str, Any]]:
    """Where faults stand: the document, and those of its overlays that have some."""
    overlays = tree.get("environments")
    parts = list(overlays.values()) if isinstance(overlays, dict) else []
    found = [part for part in parts if isinstance(part, dict) and "faults" in part]
    return [tree, *found] if also_without or tree.get("faults") is not None else found


def _tree(content: bytes, name: str) -> dict[str, Any]:
    return parse_document(content, name, default=".yaml")


def _same(content: bytes, name: str, tree: dict[str, Any]) -> bool:
    try:
        return _tree(content, name) == tree
    except ConfigurationError:
        return False


def _written(tree: dict[str, Any], name: str) -> bytes:
    suffix = PurePath(name).suffix.lower()
    if suffix == ".toml":
        raise ConfigurationError(f"{name}: TOML cannot be changed here", hint="use YAML or JSON")
    if suffix == ".json":
        return json.dumps(tree, indent=2, ensure_ascii=False).encode() + b"\n"
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text.encode()


def _name(store: DocumentStore) -> str:
    return store.key.location


async def _changed(store: DocumentStore, change: Callable[[bytes], bytes]) -> None:
    """Replace the document with what *change* makes of it, also if others change it meanwhile."""
    left = _ATTEMPTS
    while True:
        stored: Stored | None = await store.get()
        if stored is None:
            raise ConfigurationError(f"{_name(store)}: there is no document")
        content = change(stored.content)
        if content == stored.content:
            return
        left -= 1
        try:
            await store.put(content, expected=stored.version)
        except ConflictError:
            if not left:
                raise
        else:
            return
