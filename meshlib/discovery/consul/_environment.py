"""
What the variables say that Consul's own tools obey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# As Go's strconv.ParseBool reads them.
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_FILES = {
    "CONSUL_CACERT": "ca",
    "CONSUL_CLIENT_CERT": "cert",
    "CONSUL_CLIENT_KEY": "key",
    "CONSUL_TLS_SERVER_NAME": "server_name",
}


@dataclass(frozen=True, slots=True)
class Environment:
    """
    The variables `CONSUL_*`, each of which counts where a setting says nothing.

    https://developer.hashicorp.com/consul/commands#environment-variables
    """

    address: str | None = None
    token: str | None = None
    token_file: str | None = None
    https: bool = False
    tls: dict[str, object] = field(default_factory=dict)
    namespace: str | None = None
    partition: str | None = None


def environment(variables: Mapping[str, str]) -> Environment:
    """What *variables* say; an empty one says nothing."""

    def said(name: str) -> str | None:
        return variables.get(name) or None

    tls: dict[str, object] = {
        key: variables[name] for name, key in _FILES.items() if variables.get(name)
    }
    if variables.get("CONSUL_HTTP_SSL_VERIFY") in _FALSE:
        tls["verify"] = False
    return Environment(
        address=said("CONSUL_HTTP_ADDR"),
        token=said("CONSUL_HTTP_TOKEN"),
        token_file=said("CONSUL_HTTP_TOKEN_FILE"),
        https=variables.get("CONSUL_HTTP_SSL") in _TRUE,
        tls=tls,
        namespace=said("CONSUL_NAMESPACE"),
        partition=said("CONSUL_PARTITION"),
    )
