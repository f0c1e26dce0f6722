"""Real etcd servers: one alone, several as a cluster, with TLS and users where asked for."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from .program import Program, find_program, free_port

PREFIX = "/meshlib/services"


def encoded(text: str) -> str:
    """*text* as the gateway wants it."""
    return base64.b64encode(text.encode()).decode()


class Member:
    """
    One etcd, alone unless *cluster* names the peers of all members, this one too.

    *arguments* are further ones for the program; *tls* is what its clients use, when it
    serves https. It is used in `with`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "alone",
        peer: str = "",
        cluster: str = "",
        arguments: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        program = find_program("etcd", "MESHLIB_TEST_ETCD")
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
        peer = peer or f"http://127.0.0.1:{free_port()}"
        self.data = directory / name
        self.client = httpx.Client(
            base_url=self.url, verify=False if tls is None else tls, trust_env=False, timeout=30.0
        )
        self.program = Program(
            [
                program,
                *("--name", name, "--data-dir", str(self.data)),
                *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", cluster or f"{name}={peer}"),
                *("--unsafe-no-fsync", "--logger", "zap", "--log-level", "error"),
                # A fifth of the usual times: it is ready sooner, and grants leases of 1 s.
                *("--heartbeat-interval", "20", "--election-timeout", "200"),
                *arguments,
            ],
            ready=self._ready,
            log=directory / f"{name}.log",
        )

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.program.kill()
        self.client.close()

    def _ready(self) -> bool:
        try:
            return bool(self.client.get("/health", timeout=2.0).json()["health"] == "true")
        except (httpx.HTTPError, ValueError):
            return False

    def kill(self) -> None:
        """End it without a goodbye."""
        self.program.kill()

    def start(self) -> None:
        """Start it again at the same address, with the data it had."""
        self.program.start()

    def call(
        self, path: str, request: Mapping[str, Any], token: str = "", *, timeout: float = 30.0
    ) -> Any:
        """The answer to *request*; an error is one of the test."""
        headers = {"authorization": token} if token else {}
        response = self.client.post(
            f"/v3{path}", json=dict(request), headers=headers, timeout=timeout
        )
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()

    def set(
        self, key: str, value: str, token: str = "", *, timeout: float = 30.0, **more: Any
    ) -> int:
        """Put *key*; the revision of the store after that."""
        request = {"key": encoded(key), "value": encoded(value), **more}
        answer = self.call("/kv/put", request, token, timeout=timeout)
        return int(answer["header"]["revision"])

    def delete(self, key: str, end: str = "") -> None:
        """Delete *key*, or all from it to before *end*."""
        more = {"range_end": encoded(end)} if end else {}
        self.call("/kv/deleterange", {"key": encoded(key), **more})

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*, which ends with a slash."""
        request = {"key": encoded(prefix), "range_end": encoded(prefix[:-1] + "0")}
        found = self.call("/kv/range", {**request, "keys_only": True}).get("kvs", [])
        return [base64.b64decode(kv["key"]).decode() for kv in found]

    def compact(self, revision: int) -> None:
        """Forget every change before *revision*."""
        self.call("/kv/compaction", {"revision": str(revision), "physical": True})


class Backend(Member):
    """One etcd, as the tests of every source need it."""

    name = "etcd"
    lag = 1.0
    survives = True

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.spec = {"etcd": {"addresses": self.url}}

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Have *service* served at *url*."""
        value = {"url": url, "weight": weight, "metadata": dict(metadata or {})}
        self.set(_key(service, url), json.dumps(value))

    def remove(self, service: str, url: str) -> None:
        """Have *service* served at *url* no more."""
        self.delete(_key(service, url))


class Cluster:
    """Three members, of which any two go on without the third."""

    def __init__(self, directory: Path) -> None:
        names = ["one", "two", "three"]
        peers = {name: f"http://127.0.0.1:{free_port()}" for name in names}
        cluster = ",".join(f"{name}={peer}" for name, peer in peers.items())
        # Half of the usual times, which decide how soon a member knows that it is alone.
        elections = ("--heartbeat-interval", "50", "--election-timeout", "500")
        self.members = [
            Member(directory, name=name, peer=peers[name], cluster=cluster, arguments=elections)
            for name in names
        ]
        self.urls = [member.url for member in self.members]

    def leader_first(self) -> list[Member]:
        """The members, the one that leads now before the others."""
        status = self.members[0].call("/maintenance/status", {})

        def leads(member: Member) -> bool:
            header = member.call("/maintenance/status", {})["header"]
            return bool(header["member_id"] == status["leader"])

        return sorted(self.members, key=leads, reverse=True)

    def __enter__(self) -> Self:
        # At the same time: none is healthy before two are there.
        with ExitStack() as stack, ThreadPoolExecutor() as pool:
            for member in self.members:
                stack.callback(member.__exit__)
            list(pool.map(Member.start, self.members))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()


def _key(service: str, url: str) -> str:
    return f"{PREFIX}/{service}/{url.replace('/', '_')}"


ROOT_PASSWORD = "root's"  # of servers that live as long as a test


@contextmanager
def users(member: Member, **passwords: str) -> Iterator[str]:
    """
    Authentication is enabled within the context, which gets the token of root.

    Each user has a password and may read and write the keys of services.
    """
    permission = {
        "permType": "READWRITE",
        "key": encoded(f"{PREFIX}/"),
        "range_end": encoded(f"{PREFIX}0"),
    }
    member.call("/auth/role/add", {"name": "services"})
    member.call("/auth/role/grant", {"name": "services", "perm": permission})
    member.call("/auth/role/add", {"name": "root"})
    for user, password in {**passwords, "root": ROOT_PASSWORD}.items():
        member.call("/auth/user/add", {"name": user, "password": password})
        role = "root" if user == "root" else "services"
        member.call("/auth/user/grant", {"user": user, "role": role})
    member.call("/auth/enable", {})
    try:
        yield root_token(member)
    finally:
        member.call("/auth/disable", {}, root_token(member))
        for user in (*passwords, "root"):
            member.call("/auth/user/delete", {"name": user})
        for role in ("services", "root"):
            member.call("/auth/role/delete", {"role": role})


def root_token(member: Member) -> str:
    """A token of the user who may do everything."""
    request = {"name": "root", "password": ROOT_PASSWORD}
    return str(member.call("/auth/authenticate", request)["token"])
