"""
Where the daemon is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..._exceptions import ConfigurationError
from .._http import Http, Tls
from .._settings import text

DEFAULT = "unix:///var/run/docker.sock"
_FORM = "write unix:///PATH or tcp://HOST:PORT"
_FILES = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}


@dataclass(frozen=True, slots=True)
class Daemon:
    """How to reach a daemon: *shown* is what messages call it, *host* the machine it is on."""

    shown: str
    host: str
    http: Http


def find_daemon(address: str | None, tls: Any, environ: Mapping[str, str]) -> Daemon:
    """
    The daemon at *address*, or else the one that the `docker` command would speak to.

    That is what `DOCKER_HOST` says, or the context that `DOCKER_CONTEXT` or `docker context
    use` has chosen, or the usual socket. Raises ConfigurationError for what is not
    supported, such as `ssh://`.
    """
    if address is not None:
        return _daemon(text(address, "daemon"), tls, "daemon")
    if environ.get("DOCKER_HOST"):
        return _daemon(environ["DOCKER_HOST"], _environment_tls(tls, environ), "DOCKER_HOST")
    address, found = _context(environ)
    return _daemon(address, tls or found or _environment_tls(None, environ), "DOCKER_CONTEXT")


def _daemon(address: str, tls: Any, path: str) -> Daemon:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError(f"{address!r} is no address", path=path, hint=_FORM) from None
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        if tls is not None and path == "daemon":
            raise ConfigurationError("a Unix socket has no TLS", path="tls")
        http = Http("http://docker", socket=parts.path, path=path)
        return Daemon(f"unix://{parts.path}", "127.0.0.1", http)
    if parts.scheme not in ("tcp", "http", "https") or not host or parts.username:
        raise ConfigurationError(f"{address!r} is not supported", path=path, hint=_FORM)
    secure = tls is not None or parts.scheme == "https"
    name = f"[{host}]" if ":" in host else host
    # 2375 and 2376 are the ports that the documentation of dockerd reserves.
    authority = f"{name}:{port or (2376 if secure else 2375)}"
    http = Http(f"{'https' if secure else 'http'}://{authority}{parts.path}", tls=tls, path=path)
    return Daemon(f"tcp://{authority}{parts.path}", host, http)


def _environment_tls(tls: Any, environ: Mapping[str, str]) -> Any:
    """What `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` say, where *tls* says nothing."""
    if tls is not None or not environ.get("DOCKER_TLS_VERIFY"):
        return tls
    directory = Path(environ.get("DOCKER_CERT_PATH") or _configuration(environ))
    return Tls({key: str(directory / name) for key, name in _FILES.items()}, "DOCKER_CERT_PATH")


def _configuration(environ: Mapping[str, str]) -> Path:
    directory = environ.get("DOCKER_CONFIG")
    return Path(directory) if directory else Path.home() / ".docker"


def _context(environ: Mapping[str, str]) -> tuple[str, Any]:
    """
    The address and the TLS of the chosen context.

    `contexts/meta/<digest of the name>/meta.json` has the one, and the files below
    `contexts/tls/<digest>/docker` are the other:
    https://docs.docker.com/engine/manage-resources/contexts/
    """
    directory = _configuration(environ)
    name = environ.get("DOCKER_CONTEXT") or _read(directory / "config.json").get("currentContext")
    if not name or name == "default":
        return DEFAULT, None
    digest = hashlib.sha256(str(name).encode()).hexdigest()
    endpoints = _read(directory / "contexts" / "meta" / digest / "meta.json").get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    address = endpoint.get("Host") if isinstance(endpoint, dict) else None
    if not isinstance(endpoint, dict) or not isinstance(address, str):
        raise ConfigurationError(
            f"the context {name!r} of Docker is not in {directory}",
            path="DOCKER_CONTEXT",
            hint="`docker context ls` tells which there are",
        )
    files = directory / "contexts" / "tls" / digest / "docker"
    tls: dict[str, Any] = {
        key: str(files / file) for key, file in _FILES.items() if (files / file).is_file()
    }
    if tls or endpoint.get("SkipTLSVerify"):
        tls["verify"] = not endpoint.get("SkipTLSVerify")
    return address, tls or None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc}", path="DOCKER_CONFIG") from None
    return document if isinstance(document, dict) else {}
