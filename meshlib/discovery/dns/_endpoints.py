"""
From records to endpoints; pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..._exceptions import ConfigurationError, DiscoveryError
from ..._models import Endpoint
from .._endpoint import parse_endpoint
from .._records import endpoints_of

SOURCE = "dns"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One SRV record, with the addresses of its target."""

    priority: int
    name: str
    port: int
    weight: int
    addresses: tuple[str, ...] = ()


def from_addresses(
    addresses: Sequence[str], *, scheme: str, port: int | None, service: str
) -> tuple[Endpoint, ...]:
    """An endpoint for each address; without a *port* it is that of the *scheme*."""
    return _checked((Endpoint(_url(scheme, address, port)) for address in addresses), service)


def from_targets(
    targets: Sequence[Target], *, scheme: str, by_name: bool, service: str
) -> tuple[Endpoint, ...]:
    """
    An endpoint for each address of each target or, *by_name*, for each target.

    A target has the share of calls that RFC 2782 gives it, divided among its addresses.
    Raises DiscoveryError when there are targets and nothing of them can be called.
    """
    if targets and not by_name and not any(target.addresses for target in targets):
        raise DiscoveryError(
            f"none of the {len(targets)} targets of the SRV records has an address, "
            f"such as {targets[0].name}",
            service=service,
            source=SOURCE,
        )
    found: dict[str, Endpoint] = {}
    for target, weight in zip(targets, _weights(targets), strict=True):
        hosts = (target.name,) if by_name else target.addresses
        metadata = {} if by_name else {"target": target.name}
        for host in hosts:
            url = _url(scheme, host, target.port)
            share = weight / len(hosts)
            before = found.get(url)
            if before is not None and before.priority == target.priority:
                share += before.weight
            elif before is not None:
                continue  # the better priority came first
            found[url] = Endpoint(url, weight=share, priority=target.priority, metadata=metadata)
    return _checked(found.values(), service)


def _weights(targets: Sequence[Target]) -> list[float]:
    """
    Relative weights that give each target the probability of RFC 2782 in its priority.

    There a number is drawn from 0 to the sum of the weights: so all targets of weight 0
    have together the share that a weight of 1 has. Where all have 0, all are alike.
    """
    zeros: dict[int, int] = {}
    for target in targets:
        zeros[target.priority] = zeros.get(target.priority, 0) + (target.weight == 0)
    weighted = {target.priority for target in targets if target.weight > 0}
    return [
        float(target.weight)
        if target.weight > 0
        else 1.0 / zeros[target.priority]
        if target.priority in weighted
        else 1.0
        for target in targets
    ]


def _checked(endpoints: Iterable[Endpoint], service: str) -> tuple[Endpoint, ...]:
    checked = endpoints_of(endpoints, _callable, service=service, source=SOURCE)
    return tuple(sorted(checked, key=lambda one: (one.priority, one.url)))


def _callable(endpoint: Endpoint) -> Endpoint:
    checked = parse_endpoint(endpoint)
    try:
        address = ipaddress.ip_address(urlsplit(checked.url).hostname or "")
    except ValueError:
        return checked
    if address.is_unspecified or address.is_multicast:
        # Filtering resolvers answer 0.0.0.0, by which a client would call itself.
        raise ConfigurationError(f"{address} is nobody's address")
    return checked


def _url(scheme: str, host: str, port: int | None) -> str:
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"
