"""
From what a person or a registry writes to an endpoint that can be called.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NoReturn, TypeGuard
from urllib.parse import urlsplit

from .._exceptions import ConfigurationError
from .._models import Endpoint, is_normal

_KEYS = ("url", "weight", "priority", "kind", "metadata")
# Host labels as RFC 952 and RFC 1123 have them, and the underscore that container
# networks allow.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_LARGEST = 1e12
"""Of weights and priorities: whole numbers are exact up to here, and sums of them finite."""
_FORM = "an endpoint is written as http://host:port"


def parse_endpoint(value: str | Mapping[str, Any] | Endpoint, path: str = "") -> Endpoint:
    """
    The endpoint that *value* describes: a URL, a mapping with a `url`, or an endpoint.

    Raises ConfigurationError when it could not be called: another scheme than http and
    https, no host, a port out of range, a query or credentials, a weight that is not
    above 0, or a key that does not exist. *path* says where *value* stands.
    """
    if isinstance(value, Endpoint):
        return _checked(value, path, f"{path}.url" if path else "url")
    if isinstance(value, str):
        return _checked(Endpoint(value.strip()), path, path)
    if isinstance(value, Mapping):
        return _from_mapping(value, path)
    raise ConfigurationError(
        f"an endpoint is a URL or a mapping with a url, not {value!r}", path=path
    )


def _from_mapping(value: Mapping[str, Any], path: str) -> Endpoint:
    start = f"{path}." if path else ""
    for key in value:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(_KEYS)}"
            raise ConfigurationError(f"unknown key {key!r}", path=f"{start}{key}", hint=hint)
    url = value.get("url")
    if not isinstance(url, str):
        raise ConfigurationError(f"a URL is needed, not {url!r}", path=f"{start}url", hint=_FORM)
    endpoint = Endpoint(
        url=url.strip(),
        weight=_number(value.get("weight", 1.0), f"{start}weight"),
        priority=_integer(value.get("priority", 0), f"{start}priority"),
        kind=value.get("kind", "local"),
        metadata=_frozen(value.get("metadata") or {}),
    )
    return _checked(endpoint, path, f"{start}url")


def _checked(endpoint: Endpoint, path: str, url_path: str) -> Endpoint:
    start = f"{path}." if path else ""
    _check_url(endpoint.url, url_path)
    weight, priority = endpoint.weight, endpoint.priority
    if not _is_number(weight) or not 0 < weight <= _LARGEST:
        raise ConfigurationError(
            f"a weight is a number above 0, and at most {_LARGEST:g}, not {weight!r}",
            path=f"{start}weight",
            hint="leave the endpoint out to send it nothing",
        )
    if not _is_number(priority) or not isinstance(priority, int) or not 0 <= priority <= _LARGEST:
        raise ConfigurationError(
            f"a priority is a whole number from 0 to {_LARGEST:g}, not {priority!r}",
            path=f"{start}priority",
        )
    if not isinstance(endpoint.kind, str) or not endpoint.kind:
        raise ConfigurationError(
            f"a kind is a word, not {endpoint.kind!r}",
            path=f"{start}kind",
            hint="such as local, edge or cloud",
        )
    return _with_texts(endpoint, f"{start}metadata")


def _check_url(url: str, path: str) -> None:
    if isinstance(url, str) and is_normal(url):
        return
    if not isinstance(url, str) or _UNPRINTABLE.search(url):
        # urlsplit would drop line breaks without a word.
        raise ConfigurationError(f"{url!r} is not a URL", path=path, hint=_FORM)
    reason = _reason(url)
    if reason:
        lacks_scheme = "://" not in url and not _reason(f"http://{url}")
        hint = f"did you mean 'http://{url}'?" if lacks_scheme else _FORM
        raise ConfigurationError(f"{url!r} {reason}", path=path, hint=hint)


def _reason(url: str) -> str:
    """Why *url* cannot be an endpoint's; empty when it can."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        return f"is not a URL: {exc}"
    if parts.scheme not in ("http", "https"):
        return "has no scheme http or https"
    if not parts.hostname:
        return "has no host"
    if not _is_host(parts.hostname, bracketed="[" in parts.netloc):
        return f"has no valid host: {parts.hostname!r}"
    if port == 0:
        return "has port 0, and ports are 1 to 65535"
    if parts.username is not None or parts.password is not None:
        return "holds credentials, which belong to the client"
    if parts.query or parts.fragment:
        return "has a query or a fragment, which belong to requests"
    return ""


def _is_host(host: str, *, bracketed: bool) -> bool:
    if bracketed:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None


def _with_texts(endpoint: Endpoint, path: str) -> Endpoint:
    """*endpoint* with metadata that is read-only and all text."""
    metadata = endpoint.metadata
    if not isinstance(metadata, Mapping):
        raise ConfigurationError(f"metadata maps names to texts, not {metadata!r}", path=path)
    texts = {name: _text(name, value, path) for name, value in metadata.items()}
    if texts == metadata:
        return endpoint
    return replace(endpoint, metadata=MappingProxyType(texts))


def _text(name: object, value: object, path: str) -> str:
    if isinstance(name, str) and isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(name, str) and isinstance(value, str | int | float):
        return str(value)
    raise ConfigurationError(
        f"metadata is text, not {value!r}", path=f"{path}.{name}", hint="put it in quotes"
    )


def _frozen(metadata: Any) -> Any:
    return MappingProxyType(dict(metadata)) if isinstance(metadata, Mapping) else metadata


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any, path: str) -> float:
    """A number, which may come as text from a variable or a registry."""
    if _is_number(value):
        return value
    try:
        return float(value if isinstance(value, str) else "")
    except ValueError:
        _refuse(value, path)


def _integer(value: Any, path: str) -> int:
    number = _number(value, path)
    if number != number or abs(number) == math.inf or number != int(number):
        _refuse(value, path)
    return int(number)


def _refuse(value: Any, path: str) -> NoReturn:
    raise ConfigurationError(f"a number is needed, not {value!r}", path=path)
