"""
Which request is a probe, and what it is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from .._exceptions import ConfigurationError
from ..health import HealthReport, Probe
from ..inbound import Head
from ._answers import Page, page, problem
from ._permission import Permission

_LOGGER = logging.getLogger("meshlib")
_PROBES: dict[str, Probe] = {"live": "live", "ready": "ready", "startup": "startup"}
_NO_STORE = (b"cache-control", b"no-store")

NOT_FOUND = problem(404, "there is no such probe; known are live, ready and startup", _NO_STORE)
NOT_ALLOWED = problem(405, "a probe is a GET or a HEAD", (b"allow", b"GET, HEAD"), _NO_STORE)


class ProbePaths:
    """
    The paths at which a middleware answers probes itself.

    *probes* is a prefix, under which there are `live`, `ready` and `startup`, or the path of
    each probe that is wanted. Raises ConfigurationError for anything else.
    """

    __slots__ = ("paths",)

    def __init__(self, probes: str | Mapping[str, str] | None) -> None:
        if isinstance(probes, str):
            prefix = probes.rstrip("/")
            probes = {name: f"{prefix}/{name}" for name in _PROBES}
        paths: dict[str, Probe] = {}
        for name, path in (probes or {}).items():
            if name not in _PROBES:
                raise ConfigurationError(
                    f"{name!r} is no probe", path="probes", hint=f"known are {tuple(_PROBES)}"
                )
            if not isinstance(path, str) or not path.startswith("/"):
                raise ConfigurationError(
                    f"{path!r} is no path", path=f"probes.{name}", hint="begin it with a slash"
                )
            paths[path] = _PROBES[name]
        self.paths = paths
        """The probe at each path."""

    def __bool__(self) -> bool:
        return bool(self.paths)

    def of(self, path: str, root: str = "") -> Probe | None:
        """The probe that is asked for by *path*, of which *root* may be a server's prefix."""
        probe = self.paths.get(path)
        if probe is None and root and path.startswith(root):
            return self.paths.get(path[len(root) :])
        return probe


def probe_named(path: str) -> Probe | None:
    """The probe in the last segment of *path*, wherever an application is mounted."""
    return _PROBES.get(path.rstrip("/").rpartition("/")[2])


def may_see(details: Permission | None, head: Head) -> bool:
    """Whether *head* is told details; never because asking failed."""
    if details is None:
        return False
    try:
        return details(head) is True
    except Exception:
        _LOGGER.exception("whether a probe may see details could not be told, so it does not")
        return False


def report_page(report: HealthReport, detailed: bool) -> Page:
    """The answer to a probe; without its details only the status."""
    said: dict[str, Any] = report.as_dict() if detailed else {"status": report.status}
    body = json.dumps(said).encode()
    return page(report.http_status, "application/health+json", body, _NO_STORE)
