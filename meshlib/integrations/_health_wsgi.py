"""
Probes of this process over WSGI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..health import Probe, ProcessHealth
from ._answers import start_answer
from ._heads import head_of_environ
from ._permission import Permission
from ._probes import NOT_ALLOWED, NOT_FOUND, may_see, probe_named, report_page


class HealthWSGI:
    """
    Answers probes of *health*; a WSGI application to mount anywhere.

    The last segment of the path says which: `live`, `ready` or `startup`. Everybody is told
    the status, and whoever *details* permits, by default nobody, the checks as well.
    Answers GET and HEAD, as `application/health+json`, and nothing may store the answer.
    """

    def __init__(self, health: ProcessHealth, *, details: Permission | None = None) -> None:
        self._health = health
        self._details = details

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        probe = probe_named(environ.get("PATH_INFO") or environ.get("SCRIPT_NAME", ""))
        if probe is None:
            return start_answer(start_response, NOT_FOUND, environ["REQUEST_METHOD"])
        return self.answer(probe, environ, start_response)

    def answer(
        self, probe: Probe, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        """Answer *probe*, whatever the path is."""
        method = environ["REQUEST_METHOD"]
        if method not in {"GET", "HEAD"}:
            return start_answer(start_response, NOT_ALLOWED, method)
        report = self._health.check_now(probe)
        detailed = self._details is not None and may_see(self._details, head_of_environ(environ))
        return start_answer(start_response, report_page(report, detailed), method)
