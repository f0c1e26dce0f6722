"""
What is known of a cluster and of who we are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class AccessError(Exception):
    """Why a cluster cannot be called, without any credentials."""


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or a key in PEM: a *file*, or its *text*, which wins."""

    file: str | None = None
    text: str | None = field(default=None, repr=False)

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self.file is not None or self.text is not None


NO_PEM = Pem()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """
    A program that prints credentials, as `client.authentication.k8s.io` describes it.

    *tells_cluster* is whether it is told of the cluster, with *config* as JSON for it
    alone; *hint* is what to say when the program is missing.
    """

    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    version: str = "client.authentication.k8s.io/v1"
    tells_cluster: bool = False
    config: str | None = field(default=None, repr=False)
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    Who we are; its representation shows no secret.

    *headers* are those of impersonation. A *token_file* wins over the *token*, which is
    for as long as it cannot be read.
    """

    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Pem = NO_PEM
    key: Pem = NO_PEM
    plugin: Plugin | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    One API server at *address*, and who we are there.

    *origin* says in messages where this was read. *namespace* is the one to use when none
    is named. *server_name* is expected in the server's certificate in place of its host.
    """

    address: str
    origin: str
    namespace: str = "default"
    authority: Pem = NO_PEM
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    user: User
