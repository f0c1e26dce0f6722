"""
What can go wrong between us and etcd.
"""

from __future__ import annotations

from typing import Any

from ..._exceptions import DiscoveryError

# Codes of gRPC, which the gateway passes on:
# https://grpc.github.io/grpc/core/md_doc_statuscodes.html
NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE = 5, 7, 9, 11
UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 12, 14, 16
_ELSEWHERE = frozenset({1, 2, 4, 13, UNAVAILABLE})
"""Cancelled, unknown, deadline exceeded, internal, unavailable: about one member only."""
_BY_STATUS = {401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 408: UNAVAILABLE, 429: UNAVAILABLE}
# etcd has one code for these and for requests that are wrong:
# https://github.com/etcd-io/etcd/blob/v3.5.16/api/v3rpc/rpctypes/error.go
_AUTHENTICATE = ("invalid auth token", "user name is empty", "revision of auth store is old")


class EtcdError(DiscoveryError):
    """etcd did not do what it was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, source="etcd")


class UnreachableError(EtcdError):
    """No member of the cluster answered; *leaderless*: but one that it has no leader."""

    def __init__(self, problems: str, *, leaderless: bool) -> None:
        super().__init__(f"no member of etcd answers: {problems}")
        self.leaderless = leaderless


class UncertainError(EtcdError):
    """A change was sent, and no answer says whether it was made."""

    def __init__(self, problems: str) -> None:
        super().__init__(f"etcd did not confirm a change, which may have been made: {problems}")


class StaleError(EtcdError):
    """What is known cannot be brought up to date by a watch: it must be read anew."""


class MalformedError(EtcdError):
    """An answer is not what the documentation of etcd says."""

    def __init__(self, what: str, seen: object) -> None:
        super().__init__(f"etcd sent what cannot be understood: {what}, not {seen!r:.200}")


class RefusedError(EtcdError):
    """etcd answered with an error: *code* is one of gRPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def elsewhere(self) -> bool:
        """Whether another member may answer better."""
        return self.code in _ELSEWHERE

    @property
    def leaderless(self) -> bool:
        """Whether a leader is being elected, for which it is worth waiting."""
        return "no leader" in str(self) or "leader changed" in str(self)

    @property
    def wants_token(self) -> bool:
        """Whether a new token may help."""
        return self.code == UNAUTHENTICATED or any(text in str(self) for text in _AUTHENTICATE)


def refusal(status: int, document: Any, content: bytes = b"") -> RefusedError:
    """
    The error that an answer of *status* with *document* tells.

    `{"error": "...", "code": 3}` or, within a stream, `{"error": {"message": "...",
    "grpc_code": 14}}`; later versions write `{"message": "...", "code": 3}` in both
    places. What is none of these was said by something before the gateway, in *content*.
    """
    told = document if isinstance(document, dict) else {}
    if isinstance(told.get("error"), dict):
        told = told["error"]
    message = told.get("message") or told.get("error")
    code = told.get("grpc_code", told.get("code"))
    if isinstance(message, str) and isinstance(code, int):
        return RefusedError(code, message)
    text = content.decode(errors="replace").strip()
    code = _BY_STATUS.get(status, UNAVAILABLE if status >= 500 else UNIMPLEMENTED)
    return RefusedError(code, f"HTTP {status} in place of JSON: {text:.200}")
