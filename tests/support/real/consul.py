"""Real Consul agents: one alone or two servers together, with ACLs and TLS where asked for."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from .program import Program, find_program, free_port


class ConsulAgent:
    """
    One agent that is a server, too, with its data in *directory*.

    *config* is merged over what makes it quick and quiet. *dev*: all in memory, which is
    ready sooner and forgets everything when it is killed. *token* is what its own tests
    use, and *tls* when it serves https only. *serf* is where others join it. Used in
    `with`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "agent",
        config: Mapping[str, Any] | None = None,
        dev: bool = True,
        token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        program = find_program("consul", "MESHLIB_TEST_CONSUL")
        port, self.serf, self.rpc = free_port(), free_port(), free_port()
        self.node = name
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.data = directory / name
        ports = {
            "http": -1 if tls else port,
            "https": port if tls else -1,
            "dns": free_port(),
            "grpc": -1,
            "server": self.rpc,
            "serf_lan": self.serf,
            "serf_wan": -1,
        }
        document = {
            "disable_update_check": True,
            "log_level": "warn",
            # Elections as quick as they can be, and no long wait for one that cannot be won.
            "performance": {"raft_multiplier": 1, "rpc_hold_timeout": "200ms"},
            "limits": {"http_max_conns_per_client": 1000},
            "ports": ports,
            **(config or {}),
        }
        file = directory / f"{name}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        alone = [] if "bootstrap_expect" in document else ["-bootstrap-expect=1"]
        kept = ["-server", f"-data-dir={self.data}", *alone]
        self.client = httpx.Client(
            base_url=self.url,
            verify=False if tls is None else tls,
            headers={"x-consul-token": token} if token else {},
            trust_env=False,
            timeout=30.0,
        )
        self.program = Program(
            [
                *(program, "agent", f"-node={name}", f"-config-file={file}"),
                *("-bind=127.0.0.1", "-advertise=127.0.0.1", "-client=127.0.0.1"),
                *(["-dev"] if dev else kept),
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
        """Whether it has a leader, and the agent's own node is in the catalog."""
        try:
            answer = self.client.get(f"/v1/health/node/{self.node}", timeout=2.0)
        except httpx.HTTPError:
            return False
        return answer.is_success and '"passing"' in answer.text

    def kill(self) -> None:
        """End it without a goodbye."""
        self.program.kill()

    def start(self) -> None:
        """Start it again at the same address, with the data it had."""
        self.program.start()

    def forget(self) -> None:
        """Delete its data; it must not run."""
        shutil.rmtree(self.data, ignore_errors=True)

    def get(self, path: str, **params: str) -> Any:
        """What GET *path* says."""
        response = self.client.get(f"/v1{path}", params=params)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()

    def tell(self, path: str, document: Any = None, **params: str) -> str:
        """PUT *document* to *path*; an error is one of the test."""
        response = self.client.put(f"/v1{path}", params=params, json=document)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.text

    def add(self, service: str, url: str, **more: Any) -> None:
        """Register an instance of *service* at *url* with this agent; *more* are fields of it."""
        parts = urlsplit(url)
        document = {
            "ID": identity(service, url),
            "Name": service,
            "Address": parts.hostname,
            "Port": parts.port,
            **more,
        }
        self.tell("/agent/service/register", document)

    def drop(self, service: str, url: str) -> None:
        """Take out what `add` registered."""
        self.tell(f"/agent/service/deregister/{identity(service, url)}")

    def drop_all(self, service: str) -> None:
        """Take out whatever is registered of *service*, on all nodes."""
        for record in self.get(f"/health/service/{service}"):
            if record["Node"]["Node"] == self.node:
                self.tell(f"/agent/service/deregister/{record['Service']['ID']}")
            else:
                self.tell("/catalog/deregister", {"Node": record["Node"]["Node"]})

    def catalogue(self, node: str, service: str, url: str, **node_fields: Any) -> None:
        """Have *service* served at *url* on *node*, which has no agent."""
        parts = urlsplit(url)
        instance = {
            "ID": identity(service, url),
            "Service": service,
            "Address": parts.hostname,
            "Port": parts.port,
        }
        document = {"Node": node, "Address": "127.0.0.9", **node_fields, "Service": instance}
        self.tell("/catalog/register", document)

    def check(self, service: str, url: str, status: str) -> None:
        """Say how an instance does that was registered with the check `TTL`."""
        name = f"service:{identity(service, url)}"
        self.tell(f"/agent/check/update/{name}", {"Status": status})


TTL = {"TTL": "1h", "Status": "passing"}
"""A check that the test itself answers for."""


def identity(service: str, url: str) -> str:
    """The id of the instance at *url*."""
    return f"{service}-{urlsplit(url).netloc.replace(':', '-')}"


class Backend(ConsulAgent):
    """One agent that keeps its data, as the tests of every source need it."""

    name = "consul"
    lag = 1.0
    survives = True

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, dev=False)
        self.spec = {"consul": {"address": self.url}}

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Have *service* served at *url*."""
        weights = {"Passing": weight, "Warning": 1}
        self.add(service, url, Weights=weights, Meta=dict(metadata or {}))

    def remove(self, service: str, url: str) -> None:
        """Have *service* served at *url* no more."""
        self.drop(service, url)


class Pair:
    """Two servers, neither of which can lead without the other."""

    def __init__(self, directory: Path) -> None:
        first = ConsulAgent(directory, name="one", config={"bootstrap_expect": 2}, dev=False)
        join = {"bootstrap_expect": 2, "retry_join": [f"127.0.0.1:{first.serf}"]}
        second = ConsulAgent(
            directory, name="two", config={**join, "retry_interval": "100ms"}, dev=False
        )
        self.agents: Sequence[ConsulAgent] = (first, second)

    def __enter__(self) -> Self:
        # At the same time: none is ready before both are there.
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(ConsulAgent.start, self.agents))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        for agent in self.agents:
            agent.__exit__()

    def leader_and_follower(self) -> tuple[ConsulAgent, ConsulAgent]:
        """The one that leads now, and the other."""
        one, two = self.agents
        return (one, two) if one.get("/status/leader").endswith(f":{one.rpc}") else (two, one)
