"""
Which service a request belongs to.

Configured names and aliases come first, then names that the default source is asked for,
then outside origins. Looking a known host up is one dictionary read.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

import httpx

from .._exceptions import ConfigurationError, NoEndpointError, RouteDeniedError
from .._models import Endpoint
from ..balancing import NOBODY, Members, zone_counts
from ..config import MeshConfig, service_name
from ..transport import HTTP_SCHEMES, Service, refusal
from ._probing import probes

_SUFFIX = ".mesh"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LAST_PORT = 65535
_LOGGER = logging.getLogger("meshlib")


class Directory:
    """
    The services of a mesh by the hosts that name them.

    *make* builds a service by name, *activate* starts its discovery. Thread-safe.
    """

    def __init__(
        self,
        config: MeshConfig,
        *,
        make: Callable[[str, str], Service],
        activate: Callable[[Service], None],
        has_default: bool,
    ) -> None:
        self.by_host: dict[str, Service] = {}
        self.services: dict[str, Service] = {}
        self.origins: OrderedDict[str, Service] = OrderedDict()
        self.has_default = has_default
        self._config = config
        self._make = make
        self._activate = activate
        self._dormant: dict[str, Service] = {}
        self._missed: set[str] = set()
        self.lock = threading.RLock()
        """Also held while routes are put in force, since they lead to services found here."""

    def reconfigure(self, config: MeshConfig, has_default: bool) -> None:
        """Resolve by *config* from now on."""
        self._config = config
        self.has_default = has_default

    def add(self, service: Service, hosts: tuple[str, ...]) -> None:
        """Make *service* answer to *hosts*; what runs for it starts when it is first asked for."""
        dormant = _runs(service)
        with self.lock:
            self.services[service.name] = service
            for host in hosts:
                for name in (host, host + _SUFFIX):
                    here, there = self._dormant, self.by_host
                    if not dormant:
                        here, there = there, here
                    here[name] = service
                    there.pop(name, None)  # that of a service which gives way

    def remove(self, name: str) -> Service | None:
        """Forget a service; calls in flight end as they began."""
        with self.lock:
            service = self.services.pop(name, None)
            self.by_host = {h: s for h, s in self.by_host.items() if s is not service}
            self._dormant = {h: s for h, s in self._dormant.items() if s is not service}
            return service

    def replace(self, gone: Iterable[str], came: Iterable[tuple[Service, tuple[str, ...]]]) -> None:
        """
        Forget the services *gone*, and have those that *came* answer to their hosts alone.

        Nobody sees anything between: who misses a host meanwhile waits in `resolve`.
        """
        came = list(came)
        with self.lock:
            for name in (*gone, *(service.name for service, _ in came)):
                self.remove(name)
            for service, hosts in came:
                self.add(service, hosts)

    def sleep(self) -> None:
        """Have every discovered service start again when it is next asked for."""
        with self.lock:
            for host, service in list(self.by_host.items()):
                if _runs(service):
                    self._dormant[host] = service
                    del self.by_host[host]

    def renew(self) -> None:
        """A forked child has none of its parent's threads: discovery starts anew."""
        self.lock = threading.RLock()
        self.sleep()

    def everything(self) -> list[Service]:
        """Every service, outside origins included."""
        with self.lock:
            return [*self.services.values(), *self.origins.values()]

    def resolve(self, url: Any) -> Service:
        """The service of *url* whose host is not known yet; raises what denies it."""
        host: str = url.host
        with self.lock:
            service = self.by_host.get(host) or self._dormant.get(host)
            if url.scheme not in HTTP_SCHEMES:
                if service is not None:
                    raise httpx.UnsupportedProtocol(refusal(url))
                return self._origin(url)
            if service is not None:
                return self._awake(service)
            name = host.removesuffix(_SUFFIX)
            if name != host or (self.has_default and is_service_name(host)):
                return self._awake(self._discover(name))
            return self._origin(url)

    def named(self, name: str) -> Service:
        """The service called *name*; raises NoEndpointError when there is none."""
        key = name.lower()
        with self.lock:
            service = self.by_host.get(key) or self._dormant.get(key)
            if service is None:
                service = self._discover(key.removesuffix(_SUFFIX))
            return self._awake(service)

    def members(self, name: str) -> Members:
        """Where the endpoints of the service called *name* are; nobody's when there is none."""
        service = self.services.get(name.lower())
        if service is None:
            return NOBODY
        targets = service.targets
        return Members(zone_counts(each for each in targets if each.healthy), len(targets))

    def wake(self, name: str) -> None:
        """Begin to discover and check the service called *name*, which nobody has called yet."""
        key = name.lower()
        with self.lock:
            service = self._dormant.get(key)
            if service is None and key not in self.by_host and self.has_default:
                service = self._discover(key)
            if service is not None:
                self._awake(service)
            elif key not in self.by_host and key not in self._missed:
                self._missed.add(key)
                _LOGGER.warning("there is no service %r, the members of zone_aware", name)

    def _discover(self, name: str) -> Service:
        service = self.services.get(name)
        if service is None:
            try:
                service_name(name, "")
            except ConfigurationError as exc:
                raise self._misnamed(name, exc) from None
            if not self.has_default:
                raise self.unknown(name)
            service = self._make(name, "discovery")
            self.add(service, (name,))
        return service

    def _awake(self, service: Service) -> Service:
        for host in [host for host, other in self._dormant.items() if other is service]:
            self.by_host[host] = self._dormant.pop(host)
        if _runs(service):
            self._activate(service)
        return service

    def _origin(self, url: Any) -> Service:
        if not url.scheme or (url.scheme in HTTP_SCHEMES and not url.host):
            raise httpx.UnsupportedProtocol(refusal(url))
        origin = _origin_of(url)
        service = self.origins.get(origin)
        if service is None:
            if self._config.outside == "deny":
                raise RouteDeniedError(
                    f"{origin} is not a configured service, and `outside: deny` allows no other"
                    + self._nearest(url.host),
                    service=origin,
                )
            service = self._make(origin, self._config.outside)
            service.update([Endpoint(url=origin, kind="cloud")])
            self.origins[origin] = service
            self._evict()
        else:
            self.origins.move_to_end(origin)
        return service

    def _evict(self) -> None:
        """Keep the origins within bounds; one that is in use or in trouble is never forgotten."""
        excess = len(self.origins) - self._config.max_outside_origins
        if excess <= 0:
            return
        for origin, service in list(self.origins.items())[:-1]:
            target = service.targets[0]
            if target.breaker.closed and target.load.in_flight == 0:
                del self.origins[origin]
                target.removed = True
                service.retired(target)
                excess -= 1
                if excess == 0:
                    return

    def unknown(self, name: str) -> NoEndpointError:
        """The error for a service that is nowhere to be found; it says where was looked."""
        known = ", ".join(sorted(self.services)) or "none"
        return NoEndpointError(
            f"no service {name!r}: it is not among the configured services ({known}), no "
            f"MESHLIB_SERVICE_{name.upper().replace('-', '_')} is set, and no default discovery "
            f"is configured{self._nearest(name)}",
            service=name,
        )

    def _misnamed(self, name: str, error: ConfigurationError) -> NoEndpointError:
        """The error for a text that can name no service."""
        message, _, hint = str(error).partition("; ")
        host = name.rpartition("://")[2].partition("/")[0]
        if host != name:
            hint = "a name is a host only, and a URL is given whole, without a path beside it"
        return NoEndpointError(f"{message}; {hint}{self._nearest(host)}", service=name)

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self.services, n=1)
        return f"; did you mean {near[0]!r}?" if near else ""


def _runs(service: Service) -> bool:
    """Whether something is to run for *service* in the background when it is called."""
    return (
        service.discovered
        or service.health is not None
        or service.policies.zones is not None
        or probes(service.policies)
        or any(route.canary is not None for route in service.settings.routes)
    )


def is_service_name(host: str) -> bool:
    """Whether *host* is a single label that may name a service; localhost and IPs do not."""
    if "." in host:
        return False
    try:
        service_name(host, "")
    except ConfigurationError:
        return False
    return True


def _origin_of(url: Any) -> str:
    """The origin of *url*, without the port that its scheme has anyway."""
    host, port = url.raw_host.decode("ascii"), url.port
    if ":" in host:
        host = f"[{host}]"
    if port is None or port == _DEFAULT_PORTS.get(url.scheme):
        return f"{url.scheme}://{host}"
    if port == 0:
        raise httpx.ConnectError("nothing can be reached at port 0")
    if port > _LAST_PORT:
        raise httpx.InvalidURL(f"Invalid port: '{port}'")  # as it says of one that is no number
    return f"{url.scheme}://{host}:{port}"
