"""
A call's request, aimed at the endpoint of an attempt.

The caller's request is never changed: redirects, cookies and auth go on to speak of the
service. What goes to the wire is a copy.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from .._context import Serving
from .._grpc_timeout import encode_grpc_timeout
from ._attempt import Attempt
from ._bearing import show_token
from ._carrying import pass_faults_on
from ._headers import Triple, reference_of, triples_of
from ._load_reports import ASKING
from ._onward import carry_on
from ._sdk import Sdk
from ._target import NO_URLS

_INFINITE = float("inf")
_URL_CACHE = 256
"""Aimed URLs kept for each target: parsing one costs more than all decisions of a call."""

_NO_TIMEOUTS: dict[str, Any] = {}
_ID = b"x-request-id"
_COUNT = b"x-envoy-attempt-count"
_TIMEOUT = b"x-envoy-expected-rq-timeout-ms"
_GRPC = b"grpc-timeout"
_COUNTS = tuple((_COUNT, _COUNT, b"%d" % number) for number in range(101))
_TIMES = 1024
_TIMEOUTS: dict[float, Triple] = {}
"""The header for each of some times, in seconds."""
_LOWER_NAME = itemgetter(1)
_OURS = frozenset({_ID, _COUNT, _TIMEOUT, _GRPC})


def wire_headers(attempt: Attempt, left: float) -> list[Triple]:
    """
    The headers that an attempt sends: the caller's, a Host, and the mesh's own.

    *left* is the seconds that the attempt has.
    """
    call = attempt.call
    service, policies = call.service, call.policies
    headers, named = triples_of(call.request.headers), False
    if headers == service.usual.triples and not call.special:
        headers[0] = (b"Host", b"host", policies.authority or attempt.target.host_header)
    else:
        headers, named = _given(attempt, headers)
    if not policies.wire_headers:
        return headers
    if Serving.begun:
        headers = carry_on(call, headers)
    if not named:
        made = call.request_id
        if made is None:
            call.request_id = made = service.request_ids.take()
        headers.append((_ID, _ID, made))
    headers.append(_COUNTS[attempt.number])
    if policies.load_reports:
        headers.append(ASKING)
    if left != _INFINITE:
        headers.append(_TIMEOUTS.get(left) or _timeout_of(left))
        if policies.grpc_timeout:
            text = encode_grpc_timeout(max(left, 0.0)).encode("ascii")
            headers.append((_GRPC, _GRPC, text))
    if attempt.span is not None:
        headers = _traced(attempt, headers)
    if call.faults is not None and call.faults.listens:
        pass_faults_on(headers)
    return headers


def _given(attempt: Attempt, headers: list[Triple]) -> tuple[list[Triple], bool]:
    """What goes on of the caller's own *headers*, and whether a request id is among them."""
    call = attempt.call
    policies, usual = call.policies, call.service.usual
    plain = not call.special
    if headers and _is_own(call, *headers[0]):
        headers[0] = (b"Host", b"host", policies.authority or attempt.target.host_header)
    else:
        plain = False
    if call.routed is not None:
        headers = call.routed.edited(headers)
    if call.credentials is not None:
        show_token(attempt, headers)
    if not _OURS.isdisjoint(map(_LOWER_NAME, headers)) and policies.wire_headers:
        return _without_stale(headers, policies.grpc_timeout)
    if plain and policies.wire_headers:
        usual.triples = triples_of(call.request.headers)
    return headers, False


def _traced(attempt: Attempt, headers: list[Triple]) -> list[Triple]:
    """*headers* with those of the span of *attempt*."""
    pairs: list[tuple[bytes, bytes]] = []
    attempt.call.service.tracing.inject(attempt.span, pairs)
    injected = {name.lower() for name, _ in pairs}
    headers = [triple for triple in headers if triple[1] not in injected]
    headers.extend((name, name.lower(), value) for name, value in pairs)
    return headers


def _is_own(call: Any, name: bytes, _: bytes, value: bytes) -> bool:
    """Whether its first header is a Host that the client wrote from the name of the service."""
    if name != b"Host":
        return False
    hosts = call.service.usual.hosts
    if value in hosts:
        return True
    if value != call.request.url.netloc:
        return False
    if len(hosts) < _URL_CACHE:
        hosts.add(value)
    return True


def _timeout_of(left: float) -> Triple:
    """The header that tells the seconds *left*; most attempts have one of few times."""
    made = _TIMEOUT, _TIMEOUT, b"%d" % (left * 1000.0)
    if len(_TIMEOUTS) >= _TIMES:
        _TIMEOUTS.clear()
    _TIMEOUTS[left] = made
    return made


def _without_stale(headers: list[Triple], grpc: bool) -> tuple[list[Triple], bool]:
    """Drop what spoke of the call that this process is serving; tell of a request id."""
    stale = {_COUNT, _TIMEOUT, _GRPC} if grpc else {_COUNT, _TIMEOUT}
    kept = [triple for triple in headers if triple[1] not in stale]
    return kept, any(triple[1] == _ID for triple in kept)


def wire_path(attempt: Attempt) -> bytes:
    """The path and query of the request, behind the endpoint's own prefix."""
    call = attempt.call
    path: bytes = call.request.url.raw_path if call.routed is None else call.routed.path
    prefix = attempt.target.prefix
    return prefix + path if prefix else path


def sni_hostname(attempt: Attempt, extensions: dict[str, Any]) -> str | None:
    """The name to ask a TLS server for, when it is not the endpoint's own."""
    authority = attempt.call.policies.authority
    if authority is None or "sni_hostname" in extensions:
        return None
    host: str = authority.decode("ascii")
    return host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdigit() else host


def capped(timeouts: Any, left: float) -> Any:
    """httpx's own timeouts, none of them longer than what is *left* of the attempt."""
    try:
        if (
            timeouts["connect"] <= left
            and timeouts["read"] <= left
            and timeouts["write"] <= left
            and timeouts["pool"] <= left
        ):
            return timeouts
    except (KeyError, TypeError):  # one is not given, or is None
        if left == _INFINITE:
            return timeouts
    get = timeouts.get
    connect, read, write, pool = get("connect"), get("read"), get("write"), get("pool")
    left = max(left, 0.0)
    return {
        "connect": left if connect is None or connect > left else connect,
        "read": left if read is None or read > left else read,
        "write": left if write is None or write > left else write,
        "pool": left if pool is None or pool > left else pool,
    }


def aimed_request(attempt: Attempt, sdk: Sdk, left: float) -> Any:
    """
    A request that any transport can send: the call's, aimed at the attempt's endpoint.

    *left* is the seconds that the attempt has.
    """
    call, target = attempt.call, attempt.target
    request = call.request
    reference = reference_of(request)
    known: object
    if call.special and call.routed is not None:
        known = (call.routed.path,)
    elif reference.query is None:
        known = reference.path
    else:
        known = reference.path, reference.query
    url = target.urls.get(known)
    if url.__class__ is not sdk.url:  # none yet, or that of another library
        if target.port:
            url = sdk.url(
                scheme=target.scheme.decode("ascii"),
                host=target.host.decode("ascii"),
                port=target.port,
                raw_path=wire_path(attempt),
            )
            if target.urls is NO_URLS or len(target.urls) >= _URL_CACHE:
                target.urls = {}
            target.urls[known] = url
        else:
            url = request.url  # of a scheme that only the transport knows
    extensions = request.extensions
    old = extensions.get("timeout", _NO_TIMEOUTS)
    timeouts = capped(old, left)
    name = None if call.policies.authority is None else sni_hostname(attempt, extensions)
    if timeouts is not old or name is not None:
        extensions = dict(extensions)
        extensions["timeout"] = timeouts
        if name is not None:
            extensions["sni_hostname"] = name
    headers = wire_headers(attempt, left)
    return sdk.request_of(request.method, url, headers, call.body, extensions)
