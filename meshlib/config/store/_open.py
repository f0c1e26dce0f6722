"""
From what a document or a command line says to a key of a store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..._exceptions import ConfigurationError
from ...discovery import moved
from ...discovery.consul import ConsulKeys
from ...discovery.etcd import EtcdKeys
from ._consul import ConsulStore
from ._etcd import EtcdStore
from ._file import FileStore
from ._memory import MemoryStore
from ._store import Store, StoreKey

_DEFAULT_KEY = "meshlib/{name}"
_EXAMPLE = 'write "process", {file: PATH}, {etcd: {...}} or {consul: {...}}'


def open_store(settings: Any, name: str) -> StoreKey:
    """
    The key that *settings* describe, for what is called *name*; contacts nobody.

    `"process"`: in this process alone. `{file: PATH}`. `{etcd: {addresses, key, ...}}` and
    `{consul: {address, key, ...}}`, with the settings of `EtcdStore` and `ConsulStore`; a
    text in their place is the address. The URL of a key, as `store_at` takes it, and a
    `StoreKey` do, too. `{name}` in a path or key stands for *name*; the default key is
    `meshlib/{name}`.

    Raises ConfigurationError, which names the setting that is wrong.
    """
    if isinstance(settings, StoreKey):
        return settings
    if settings == "process":
        return StoreKey(MemoryStore(), name)
    if isinstance(settings, str) and is_store_url(settings):
        return store_at(_filled(settings, name))
    if not isinstance(settings, Mapping) or len(settings) != 1:
        raise ConfigurationError(f"a store is needed, not {settings!r}", hint=_EXAMPLE)
    ((kind, said),) = settings.items()
    if kind not in _KINDS:
        near = get_close_matches(str(kind), _KINDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else _EXAMPLE
        raise ConfigurationError(f"{kind!r} is not a known store", hint=hint)
    try:
        return _KINDS[kind](said, name)
    except ConfigurationError as exc:
        raise moved(exc, str(kind)) from exc


def store_at(url: str | os.PathLike[str]) -> StoreKey:
    """
    The key at *url*: `etcd://host:2379/key`, `etcds://`, `consul://`, `consuls://`, or a path.

    Those that end in `s` speak TLS. Several members of etcd are separated by commas. The
    key begins after the slash that follows the address. A URL holds no credentials: they
    come from the variables that the servers' own tools obey, `ETCDCTL_USER`,
    `ETCDCTL_PASSWORD`, `ETCDCTL_CACERT`, `ETCDCTL_CERT` and `ETCDCTL_KEY`, or
    `CONSUL_HTTP_TOKEN` and those beside it. Raises ConfigurationError.
    """
    text = os.fspath(url)
    if not is_store_url(text):
        path = Path(text)
        return StoreKey(FileStore(path.parent), path.name)
    scheme, _, rest = text.partition("://")
    servers, _, key = rest.partition("/")
    if "@" in servers:
        raise ConfigurationError(
            "the URL of a store holds no credentials", hint="they come from the environment"
        )
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{text!r} has more than an address and a key")
    if not servers or not key:
        raise ConfigurationError(
            f"{text!r} does not name a key", hint=f"write {scheme}://HOST:PORT/KEY"
        )
    http = "https" if scheme.endswith("s") else "http"
    addresses = [f"{http}://{one}" for one in servers.split(",")]
    return StoreKey(_SCHEMES[scheme](addresses), unquote(key))


def is_store_url(text: str) -> bool:
    """Whether *text* is the URL of a key, and not a path."""
    return text.partition("://")[0] in _SCHEMES and "://" in text


def _etcd_at(addresses: list[str]) -> Store:
    return EtcdStore(addresses, **etcd_environment(os.environ))


def _consul_at(addresses: list[str]) -> Store:
    if len(addresses) > 1:
        raise ConfigurationError("one agent of Consul is needed, the nearest")
    return ConsulStore(addresses[0])


def _file(said: Any, name: str) -> StoreKey:
    if not isinstance(said, str | os.PathLike) or not os.fspath(said):
        raise ConfigurationError(f"a path is needed, not {said!r}")
    return store_at(Path(_filled(os.fspath(said), name)))


def _etcd(said: Any, name: str) -> StoreKey:
    key, settings = _split(said, "addresses", name, EtcdKeys)
    return StoreKey(EtcdStore(**settings), key)


def _consul(said: Any, name: str) -> StoreKey:
    key, settings = _split(said, "address", name, ConsulKeys)
    return StoreKey(ConsulStore(**settings), key)


def _split(
    said: Any, address: str, name: str, keys: Callable[..., object]
) -> tuple[str, dict[str, Any]]:
    """The key and the settings of a server, which are among those that *keys* takes."""
    if isinstance(said, str):
        said = {address: said}
    settings = {} if said is None else said
    if not isinstance(settings, Mapping):
        raise ConfigurationError(f"settings are a mapping, not {said!r}")
    settings = dict(settings)
    key = settings.pop("key", _DEFAULT_KEY)
    if not isinstance(key, str) or not key:
        raise ConfigurationError(f"a text is needed, not {key!r}", path="key")
    known = ["key", *(one for one in signature(keys).parameters if not one.startswith("_"))]
    for unknown in settings.keys() - set(known):
        near = get_close_matches(str(unknown), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ConfigurationError(f"unknown key {unknown!r}", path=str(unknown), hint=hint)
    return _filled(key, name), settings


def etcd_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """
    The settings that etcd's own tool takes from *variables*; an empty one says nothing.

    https://github.com/etcd-io/etcd/blob/v3.5.16/etcdctl/README.md
    """
    settings: dict[str, Any] = {}
    user, colon, password = variables.get("ETCDCTL_USER", "").partition(":")
    if user:
        settings["username"] = user
        settings["password"] = password if colon else variables.get("ETCDCTL_PASSWORD", "")
    tls = {
        key: variables[name]
        for name, key in (
            ("ETCDCTL_CACERT", "ca"),
            ("ETCDCTL_CERT", "cert"),
            ("ETCDCTL_KEY", "key"),
        )
        if variables.get(name)
    }
    return {**settings, "tls": tls} if tls else settings


def _filled(text: str, name: str) -> str:
    return text.replace("{name}", quote(name, safe=""))


_SCHEMES: dict[str, Callable[[list[str]], Store]] = {
    "etcd": _etcd_at,
    "etcds": _etcd_at,
    "consul": _consul_at,
    "consuls": _consul_at,
}
_KINDS: dict[str, Callable[[Any, str], StoreKey]] = {
    "file": _file,
    "etcd": _etcd,
    "consul": _consul,
}
