"""
Endpoints that never change.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import anyio

from .._exceptions import ConfigurationError
from .._models import Endpoint
from ._endpoint import parse_endpoint


class StaticDiscovery:
    """
    Knows what it was given: *endpoints* by service name, as URLs or endpoints.

    A service that is not named has no endpoints. Raises ConfigurationError for an
    endpoint that is invalid.
    """

    name = "static"

    def __init__(self, endpoints: Mapping[str, Sequence[Endpoint | str]]) -> None:
        if not isinstance(endpoints, Mapping):
            raise ConfigurationError(
                f"a mapping of service names to endpoints is needed, not {endpoints!r}",
                path="endpoints",
            )
        self._endpoints = {
            service.lower(): parse_endpoints(values, f"endpoints.{service}")
            for service, values in endpoints.items()
        }

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, once."""
        yield self._endpoints.get(service.lower(), ())
        await anyio.sleep_forever()


def parse_endpoints(values: object, path: str) -> tuple[Endpoint, ...]:
    """
    The endpoints that *values* describes: a list of them, or a single one.

    Raises ConfigurationError, with *path* and the place in the list.
    """
    if isinstance(values, str | Endpoint):
        return (parse_endpoint(values, path),)
    if not isinstance(values, Sequence):
        raise ConfigurationError(f"a list of endpoints is needed, not {values!r}", path=path)
    return tuple(parse_endpoint(value, f"{path}[{n}]") for n, value in enumerate(values))
