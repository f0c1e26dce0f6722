"""
The clusters and users of a kubeconfig.

Field names and which of two fields wins are those of the Kubernetes reference
"kubeconfig (v1)".
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ._access import Access, AccessError, Pem, Plugin, User

_PLUGIN_GROUP = "client.authentication.k8s.io"
_PLUGIN_VERSIONS = (f"{_PLUGIN_GROUP}/v1", f"{_PLUGIN_GROUP}/v1beta1")


class Part:
    """One named mapping of the file at *path*; *what* calls it in messages."""

    def __init__(self, path: str, what: str, content: Any) -> None:
        self.path = path
        self.what = what
        if content is None:
            content = {}
        if not isinstance(content, Mapping):
            raise self.wrong("is no mapping")
        self.content: Mapping[Any, Any] = content

    def wrong(self, problem: str) -> AccessError:
        """The error for a *problem*, which quotes no value."""
        return AccessError(f"the kubeconfig {self.path}: {self.what} {problem}")

    def text(self, key: str) -> str | None:
        """The text under *key*; None when there is none, or an empty one."""
        value = self.content.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.wrong(f"has no text under {key}")
        return value

    def needed_text(self, key: str) -> str:
        """The text under *key*, which must be there."""
        value = self.text(key)
        if value is None:
            raise self.wrong(f"names no {key}")
        return value

    def flag(self, key: str) -> bool:
        """The truth value under *key*."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(f"has neither true nor false under {key}")
        return bool(value)

    def file(self, key: str) -> str | None:
        """The path under *key*, which is relative to the file it stands in."""
        value = self.text(key)
        if value is None:
            return None
        return os.path.join(os.path.dirname(os.path.abspath(self.path)), value)

    def pem(self, key: str) -> Pem:
        """What `<key>-data` holds or the file under *key*."""
        data = self.text(f"{key}-data")
        if data is None:
            return Pem(file=self.file(key))
        try:
            # YAML may have folded it.
            return Pem(text=base64.b64decode("".join(data.split()), validate=True).decode())
        except (binascii.Error, ValueError):
            raise self.wrong(f"has no base64 under {key}-data") from None

    def inner(self, key: str) -> Part | None:
        """The mapping under *key*."""
        value = self.content.get(key)
        return None if value is None else Part(self.path, f"{self.what}: {key}", value)

    def items(self, key: str) -> list[Any]:
        """The list under *key*."""
        value = self.content.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(f"has no list under {key}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts under *key*."""
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(f"has something else than texts under {key}")
        return tuple(values)


def read_cluster(part: Part, *, origin: str, namespace: str, user: User | None) -> Access:
    """The access to the cluster that *part* describes."""
    access = Access(
        address=_address(part),
        origin=origin,
        namespace=namespace,
        authority=part.pem("certificate-authority"),
        verify=not part.flag("insecure-skip-tls-verify"),
        server_name=part.text("tls-server-name"),
        proxy=part.text("proxy-url"),
        user=user or User(),
    )
    if access.authority.given and not access.verify:
        raise part.wrong("has both certificate-authority and insecure-skip-tls-verify")
    if access.server_name and access.proxy:
        # httpcore takes the name for the certificate from the address when it tunnels.
        raise part.wrong("has both tls-server-name and proxy-url, which do not go together")
    return access


def _address(part: Part) -> str:
    server = part.needed_text("server").rstrip("/")
    try:
        parts = urlsplit(server)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.username is not None or parts.query or parts.fragment:
        raise part.wrong("has no address such as https://host:port under server")
    return server


def read_user(part: Part, cluster: Part) -> User:
    """Who *part* says that we are; a plug-in may be told of the *cluster*."""
    if part.content.get("auth-provider") is not None:
        raise part.wrong("has an auth-provider, which Kubernetes removed in 1.26: use exec")
    certificate, key = part.pem("client-certificate"), part.pem("client-key")
    if certificate.given != key.given:
        raise part.wrong("needs both client-certificate and client-key")
    username, password = part.text("username"), part.text("password")
    plugin = part.inner("exec")
    return User(
        token=part.text("token"),
        token_file=part.file("tokenFile"),
        username=username,
        password=password,
        certificate=certificate,
        key=key,
        plugin=None if plugin is None else _read_plugin(plugin, cluster),
        headers=_impersonation(part),
    )


def _impersonation(part: Part) -> tuple[tuple[str, str], ...]:
    headers = []
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        value = part.text(key)
        if value is not None:
            headers.append((header, value))
    headers += [("Impersonate-Group", group) for group in part.texts("as-groups")]
    extra = part.inner("as-user-extra")
    for key in extra.content if extra is not None else ():
        assert extra is not None
        name = f"Impersonate-Extra-{quote(str(key), safe='')}"
        headers += [(name, value) for value in extra.texts(key)]
    return tuple(headers)


def _read_plugin(part: Part, cluster: Part) -> Plugin:
    version = part.needed_text("apiVersion")
    if version not in _PLUGIN_VERSIONS:
        raise part.wrong(f"has an apiVersion that is none of {', '.join(_PLUGIN_VERSIONS)}")
    if part.text("interactiveMode") == "Always":
        raise part.wrong("needs a terminal, which a service has not (interactiveMode Always)")
    command = part.needed_text("command")
    if os.path.dirname(command):
        command = part.file("command") or command
    variables = []
    for entry in part.items("env"):
        variable = Part(part.path, f"{part.what}: env", entry)
        variables.append((variable.needed_text("name"), variable.text("value") or ""))
    return Plugin(
        command=command,
        arguments=part.texts("args"),
        variables=tuple(variables),
        version=version,
        tells_cluster=part.flag("provideClusterInfo"),
        config=_config(cluster),
        hint=part.text("installHint") or "",
    )


def _config(cluster: Part) -> str | None:
    """What the cluster has for plug-ins alone, as JSON."""
    for extension in cluster.items("extensions"):
        if isinstance(extension, Mapping) and extension.get("name") == f"{_PLUGIN_GROUP}/exec":
            try:
                return json.dumps(extension.get("extension"))
            except (TypeError, ValueError, RecursionError):
                raise cluster.wrong("has an extension that is no JSON") from None
    return None
