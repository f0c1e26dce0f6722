"""
`python -m meshlib explain`: what a call would do, without sending it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._exceptions import ConfigurationError, MeshError
from ._files import INVALID, UNUSABLE, VALID, complain, environ_of, environments_in

if TYPE_CHECKING:
    from .. import CallReport, Mesh, MeshConfig, ServiceConfig
    from ..routing import RouteOptions

_EXIT_CODES = """\
exit codes:
  0    the call would be sent, or a route would answer it
  1    it would be rejected; the reason was written to stderr
  2    the arguments are wrong, or the document is invalid or cannot be read
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "explain",
        help="tell where a call would go, and why",
        description="Tells which service and route a call would take, where to, and with what"
        " limits. Nothing is sent, and nobody is asked for endpoints: of services that are"
        " discovered, none are known here. Percentages draw anew each time.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="YAML, JSON or TOML")
    parser.add_argument("url", metavar="URL", help="as http://users/api/users")
    parser.add_argument("-X", "--method", default="GET", help="of the request (%(default)s)")
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        type=_header,
        metavar="NAME:VALUE",
        help="of the request; may be given again",
    )
    parser.add_argument("--tenant", metavar="NAME", help="for whom the call is made")
    parser.add_argument("--env", metavar="NAME", help="the environment, in place of MESHLIB_ENV")
    parser.set_defaults(run=_run)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name.strip() or not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is no header, as x-tenant:a")
    return name.strip(), value.strip()


def _run(chosen: argparse.Namespace) -> int:
    import httpx

    from .. import Mesh
    from ..config import load_config

    try:
        known = environments_in(chosen.file)
        if chosen.env is not None and chosen.env not in known:
            raise ConfigurationError(
                f"no environment {chosen.env!r}", hint=f"there are: {', '.join(known) or 'none'}"
            )
        environ = None if chosen.env is None else environ_of(chosen.env)
        config = load_config(chosen.file, environ=environ)
        request = httpx.Request(chosen.method.upper(), chosen.url, headers=chosen.header)
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise ConfigurationError(f"{chosen.url!r} is no URL", hint="write http://users/path")
    except (ConfigurationError, httpx.InvalidURL, ValueError) as exc:
        complain("explain", exc)
        return UNUSABLE
    with Mesh(config=_quiet(config)) as mesh:
        try:
            report = mesh.explain(request, tenant=chosen.tenant)
            asked = mesh.directory.resolve(request.url).name
        except MeshError as exc:
            complain("explain", f"rejected: {exc}")
            return INVALID
        return _Explanation(mesh, report, asked, chosen.tenant).write()


_UNASKED: dict[str, Any] = {"static": {"endpoints": {}}}
"""Stands for a source of endpoints that is not asked."""


def _quiet(config: MeshConfig) -> MeshConfig:
    """*config* without what would ask others: discovery, health checks, and canaries."""
    services = {}
    for name, settings in config.services.items():
        routes = tuple(route.model_copy(update={"canary": None}) for route in settings.routes)
        quiet: dict[str, Any] = {"health_check": None, "routes": routes}
        if settings.discovery is not None:
            quiet["discovery"] = _UNASKED
        services[name] = settings.model_copy(update=quiet)
    defaults = config.defaults.model_copy(update={"health_check": None})
    changes: dict[str, Any] = {"services": services, "defaults": defaults}
    if config.discovery is not None:
        changes["discovery"] = _UNASKED
    return config.model_copy(update=changes)


class _Explanation:
    """What is written of one call to the service *asked*."""

    def __init__(self, mesh: Mesh, report: CallReport, asked: str, tenant: str | None) -> None:
        self._report = report
        self._asked = asked
        config = mesh.config
        entrance = config.services.get(asked, config.default_service())
        if tenant is not None:
            entrance = config.tenant_service(tenant, asked, entrance)
        self._route = _route(entrance, report.route)
        settings = entrance
        if report.service != asked:
            settings = config.services.get(report.service, config.default_service())
        self._settings = _with_route(settings, self._route)
        source = settings.discovery if settings.says_where else config.discovery
        self._discovered = source is not None

    def write(self) -> int:
        """Write it; return the exit code."""
        rejection = self._rejection()
        for line in self._lines(rejection):
            sys.stdout.write(f"{line}\n")
        if rejection:
            complain("explain", f"rejected: {rejection}")
        return INVALID if rejection else VALID

    def _rejection(self) -> str:
        route = self._route
        if route is not None and route.deny is not None:
            return f"{route.deny.reason} (status {route.deny.status})"
        if self._answer() or self._report.endpoint is not None or self._discovered:
            return ""
        to = self._report.destination
        at = f"destination {to!r}" if to else f"service {self._report.service!r}"
        return f"the {at} has no endpoint"

    def _answer(self) -> str:
        route = self._route
        if route is not None and route.redirect is not None:
            return f"answered here: a redirect, {route.redirect.code}"
        if route is not None and route.direct_response is not None:
            return f"answered here: status {route.direct_response.status}"
        return ""

    def _lines(self, rejection: str) -> Iterator[str]:
        report = self._report
        yield f"service      {self._asked}"
        if report.tenant is not None:
            yield f"tenant       {report.tenant}"
        yield f"route        {report.route}"
        for name, why in report.skipped_routes.items():
            yield f"  not {name}: {why}"
        if answer := self._answer():
            yield answer
            return
        if rejection and self._route is not None and self._route.deny is not None:
            return
        if report.destination is not None:
            elsewhere = report.service if report.service != self._asked else ""
            yield f"destination  {report.destination}" + (f" of {elsewhere}" if elsewhere else "")
        yield from self._endpoints()
        yield from _limits(self._settings)

    def _endpoints(self) -> Iterator[str]:
        attempts = self._report.attempts
        if not attempts and self._discovered:
            yield "endpoint     discovered when a mesh runs"
        for attempt in attempts:
            yield f"endpoint     {attempt.endpoint.url}: {attempt.chosen}"
            for address, why in attempt.skipped.items():
                yield f"  not {address}: {why}"


def _route(settings: ServiceConfig, name: str) -> RouteOptions | None:
    from ..routing import title_of

    for index, route in enumerate(settings.routes):
        if title_of(route, index) == name:
            return route
    return None


def _with_route(settings: ServiceConfig, route: RouteOptions | None) -> ServiceConfig:
    from ..config import overridden, route_overrides

    return settings if route is None else overridden(settings, route_overrides(route))


def _limits(settings: ServiceConfig) -> Iterator[str]:
    def seconds(value: float | None) -> str:
        return "none" if value is None else f"{value:g} s"

    each = settings.attempt_timeout
    yield f"timeout      {seconds(settings.timeout)} for the call, " + (
        "an attempt has what is left of it" if each is None else f"{seconds(each)} for an attempt"
    )
    retry, hedge = settings.retry, settings.hedge
    statuses = ", ".join(map(str, sorted(retry.statuses)))
    if retry.max_attempts == 1:
        yield "retry        off"
    else:
        attempts = f"up to {retry.max_attempts} attempts"
        yield f"retry        {attempts}, of idempotent calls after {statuses}"
    if hedge is not None:
        delay = f"{hedge.quantile:.0%} of latency" if hedge.delay is None else seconds(hedge.delay)
        yield f"hedge        after {delay}, up to {hedge.max_hedges}"
