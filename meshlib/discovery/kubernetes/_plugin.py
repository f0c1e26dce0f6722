"""
Credentials that a program prints, as "client-go credential plugins" of the Kubernetes
documentation describes it.
"""

from __future__ import annotations

import base64
import json
import math
import os
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from ._access import NO_PEM, Access, AccessError, Pem, Plugin

_PATIENCE = 60.0
"""Seconds for a program that may ask a cloud's servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Credentials that are good *until* a date, in seconds since the epoch."""

    token: str | None = field(default=None, repr=False)
    certificate: Pem = NO_PEM
    key: Pem = NO_PEM
    until: float = math.inf


async def run_plugin(plugin: Plugin, access: Access) -> Issued:
    """
    What *plugin* prints for the cluster of *access*.

    Raises AccessError when it fails, takes more than a minute, or prints something else;
    what it printed is in no message.
    """
    told = await anyio.to_thread.run_sync(_told, plugin, access)
    variables = {**os.environ, **dict(plugin.variables), "KUBERNETES_EXEC_INFO": told}
    try:
        with anyio.fail_after(_PATIENCE):
            done = await anyio.run_process(
                [plugin.command, *plugin.arguments],
                stdin=subprocess.DEVNULL,
                env=variables,
                check=False,
            )
    except TimeoutError:
        raise AccessError(f"{plugin.command} took more than {_PATIENCE:g} s") from None
    except (OSError, ValueError) as exc:
        hint = f"; {plugin.hint}" if plugin.hint else ""
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise AccessError(f"{plugin.command} cannot be run: {reason or exc}{hint}") from exc
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise AccessError(f"{plugin.command} ended with {done.returncode}: {last:.200}")
    return read_issued(plugin, done.stdout)


def _told(plugin: Plugin, access: Access) -> str:
    """What the program finds in its environment. Blocks."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.tells_cluster:
        cluster: dict[str, Any] = {"server": access.address}
        if access.server_name:
            cluster["tls-server-name"] = access.server_name
        if not access.verify:
            cluster["insecure-skip-tls-verify"] = True
        authority = _content(access.authority)
        if authority is not None:
            cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
        if access.proxy:
            cluster["proxy-url"] = access.proxy
        if plugin.config is not None:
            cluster["config"] = json.loads(plugin.config)
        spec["cluster"] = cluster
    return json.dumps({"apiVersion": plugin.version, "kind": "ExecCredential", "spec": spec})


def _content(pem: Pem) -> bytes | None:
    if pem.text is not None or pem.file is None:
        return None if pem.text is None else pem.text.encode()
    try:
        return Path(pem.file).read_bytes()
    except OSError as exc:
        raise AccessError(f"{pem.file} cannot be read: {exc.strerror or exc}") from exc


def read_issued(plugin: Plugin, printed: bytes) -> Issued:
    """The credentials in what *plugin* has *printed*. Raises AccessError."""
    try:
        document = json.loads(printed)
    except (ValueError, RecursionError):
        raise AccessError(f"{plugin.command} printed no JSON") from None
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, dict) or document.get("kind") != "ExecCredential":
        raise AccessError(f"{plugin.command} printed no ExecCredential with a status")
    if document.get("apiVersion") != plugin.version:
        raise AccessError(f"{plugin.command} printed another version than {plugin.version}")
    token, certificate, key = (
        status.get(name) or None for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if not all(one is None or isinstance(one, str) for one in (token, certificate, key)):
        raise AccessError(f"{plugin.command} printed credentials that are no texts")
    if (certificate is None) != (key is None) or (token is None and key is None):
        raise AccessError(
            f"{plugin.command} printed neither a token nor a certificate with its key"
        )
    return Issued(
        token=token,
        certificate=Pem(text=certificate),
        key=Pem(text=key),
        until=_until(plugin, status.get("expirationTimestamp")),
    )


def _until(plugin: Plugin, stamp: Any) -> float:
    if stamp is None:
        return math.inf
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise AccessError(f"{plugin.command} printed an expirationTimestamp that is none") from None
