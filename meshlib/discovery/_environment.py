"""
Endpoints from environment variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence

import anyio

from .._exceptions import ConfigurationError
from .._models import Endpoint
from ._endpoint import parse_endpoint

PREFIX = "MESHLIB_SERVICE_"
_FIELDS = frozenset({"weight", "priority", "kind"})


class EnvironmentDiscovery:
    """
    Reads `MESHLIB_SERVICE_USERS="http://a:8001,http://b:8001;weight=3;zone=z1"`.

    URLs are separated by commas or blanks. After each may stand `;weight=`, `;priority=`
    and `;kind=`; any other name is metadata. The rest of the variable's name is the
    service's, in lower case; `_` in it stands for `_`, `-` and `.` alike, so
    `MESHLIB_SERVICE_USER_PROFILE` is for `user-profile` and for `user_profile`. A
    variable that is empty counts as not set.

    *environ* replaces the environment of the process, which is read when it is asked for.
    """

    name = "environment"

    def __init__(self, prefix: str = PREFIX, environ: Mapping[str, str] | None = None) -> None:
        self._prefix = prefix
        self._environ = environ

    def variable(self, service: str) -> str:
        """The variable that names the endpoints of *service*."""
        return self._prefix + re.sub(r"[-.]", "_", service).upper()

    def endpoints(self, service: str) -> tuple[Endpoint, ...] | None:
        """The endpoints of *service*, or None when no variable names them."""
        value = self._variables().get(self.variable(service))
        return None if value is None else self._parse(*value)

    def services(self) -> dict[str, tuple[Endpoint, ...]]:
        """
        The endpoints of every service that a variable names.

        The names have hyphens. Raises ConfigurationError, naming the variable.
        """
        return {
            variable.removeprefix(self._prefix).lower().replace("_", "-"): self._parse(*value)
            for variable, value in self._variables().items()
        }

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, once; none when no variable names them."""
        yield self.endpoints(service) or ()
        await anyio.sleep_forever()

    def _variables(self) -> dict[str, tuple[str, str]]:
        """Name in capitals → name as written, value."""
        environ = os.environ if self._environ is None else self._environ
        found: dict[str, tuple[str, str]] = {}
        for name, value in environ.items():
            if not name.startswith(self._prefix) or name == self._prefix or not value.strip():
                continue
            other, _ = found.setdefault(name.upper(), (name, value))
            if other != name:
                raise ConfigurationError(
                    f"{other} names the same service", path=name, hint="unset one of them"
                )
        return found

    @staticmethod
    def _parse(variable: str, value: str) -> tuple[Endpoint, ...]:
        return tuple(_endpoint(text, variable) for text in re.split(r"[,\s]+", value) if text)


def _endpoint(text: str, variable: str) -> Endpoint:
    url, *parameters = text.split(";")
    fields: dict[str, object] = {"url": url}
    metadata: dict[str, str] = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not name or not equals:
            raise ConfigurationError(
                f"{parameter!r} after {url!r} is not name=value",
                path=variable,
                hint="write http://host:port;weight=3;zone=a",
            )
        if name in _FIELDS:
            fields[name] = value
        else:
            metadata[name] = value
    fields["metadata"] = metadata
    return parse_endpoint(fields if parameters else url, variable)
