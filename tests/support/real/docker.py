"""
A Docker daemon of the test's own, with containers that only need to exist.

They are in the network of the host and do nothing: what listens at the port that their
labels tell is a server of the test. It needs root, a `dockerd` and a static `busybox`.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from meshlib.discovery.docker import DockerDiscovery

from .program import Program, find_program, free_port, wait_until

IMAGE = "meshlib/busybox:test"
_COMMANDS = ("sh", "sleep", "test", "touch", "rm")
_PATIENCE = 30.0


class Docker:
    """
    A daemon on the Unix socket of `address`, and with *tls* also on that of `tcp_address`.

    *tls* has the files `ca`, `cert` and `key` of the daemon, which then asks its clients for
    certificates of that authority.
    """

    def __init__(self, directory: Path, *, tls: Mapping[str, str] | None = None) -> None:
        if os.geteuid() != 0:
            pytest.skip("a Docker daemon of our own needs root")
        self._directory = directory
        self._busybox = Path(find_program("busybox", "MESHLIB_TEST_BUSYBOX"))
        dockerd = find_program("dockerd", "MESHLIB_TEST_DOCKERD")
        self._socket = str(directory / "docker.sock")
        self.address = f"unix://{self._socket}"
        self.tcp_address = ""
        self.tls = dict(tls or {})
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=self._socket),
            base_url="http://docker",
            timeout=_PATIENCE,
            trust_env=False,
        )
        hosts = ["--host", self.address]
        if tls is not None:
            self.tcp_address = f"tcp://127.0.0.1:{free_port()}"
            hosts += ["--host", self.tcp_address, "--tlsverify"]
            hosts += [f"--tls{name}={tls[short]}" for short, name in _TLS.items()]
        self.log = directory / "dockerd.log"
        self.program = Program(
            [
                dockerd,
                *hosts,
                f"--data-root={directory / 'data'}",
                f"--exec-root={directory / 'exec'}",
                f"--pidfile={directory / 'docker.pid'}",
                # Nothing of the machine's network is touched, but for bridges that a test
                # asks for, whose addresses are private ones.
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
                "--ip-masq=false",
                "--userland-proxy=false",
                "--default-address-pool=base=10.213.0.0/16,size=24",
                "--exec-opt=native.cgroupdriver=cgroupfs",
                "--config-file=",
                "--log-level=warn",
            ],
            ready=self._is_up,
            log=self.log,
            env={"DOCKER_CONFIG": str(directory), "TMPDIR": str(directory)},
        )

    def __enter__(self) -> Self:
        try:
            self.program.start()
        except pytest.fail.Exception as exc:
            self.close()
            pytest.skip(f"dockerd cannot start here: {exc}")
        try:
            self.ask(
                "POST",
                "/images/create",
                params={"fromSrc": "-", "repo": IMAGE.partition(":")[0], "tag": "test"},
                content=_image(self._busybox),
            )
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            for container in self.ask("GET", "/containers/json", params={"all": "true"}).json():
                self.remove_container(container["Id"])
            custom = {"filters": '{"type": ["custom"]}'}
            for network in self.ask("GET", "/networks", params=custom).json():
                self.ask("DELETE", f"/networks/{network['Id']}")
        finally:
            self.close()

    def close(self) -> None:
        """End the daemon and what it leaves behind."""
        self.program.stop()
        self._end_containerd()
        self._end_containers()
        self._client.close()
        for line in Path("/proc/self/mounts").read_text().splitlines():
            path = line.split(" ")[1]
            if path.startswith(f"{self._directory}/"):
                subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)

    def kill(self) -> None:
        """End the daemon without a goodbye, as a crash of the machine's service would."""
        self.program.kill()
        self._end_containerd()

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        self.program.start()

    def ask(
        self, method: str, path: str, body: Any = None, expected: int | None = None, **options: Any
    ) -> httpx.Response:
        """The answer of the API, which must be a good one."""
        if body is not None:
            options["json"] = body
        response = self._client.request(method, path, **options)
        if expected != response.status_code:
            assert response.is_success or response.status_code == 304, response.text
        return response

    def create(
        self,
        labels: Mapping[str, str],
        *,
        host: Mapping[str, Any] | None = None,
        start: bool = True,
        **config: Any,
    ) -> str:
        """A container with *labels*, and *config* and *host* as the API has them; its id."""
        body = {
            "Image": IMAGE,
            "Cmd": ["sleep", "1000000"],
            "Labels": dict(labels),
            # Process 1 ignores SIGTERM, and stopping would take ten seconds.
            "StopSignal": "SIGKILL",
            "HostConfig": {"NetworkMode": "host", **(host or {})},
            **config,
        }
        container = str(self.ask("POST", "/containers/create", body).json()["Id"])
        if start:
            self.ask("POST", f"/containers/{container}/start")
        return container

    def act(self, container: str, action: str) -> None:
        """Have the container `start`, `stop`, `kill`, `pause` or `unpause`."""
        self.ask("POST", f"/containers/{container}/{action}")

    def run(self, container: str, *command: str) -> None:
        """Run *command* in the container."""
        body = {"Cmd": list(command), "AttachStdout": True}
        execution = self.ask("POST", f"/containers/{container}/exec", body).json()["Id"]
        self.ask("POST", f"/exec/{execution}/start", {"Detach": False, "Tty": False})

    def health(self, container: str) -> str:
        """What the daemon says of the container's health."""
        state = self.ask("GET", f"/containers/{container}/json").json()["State"]
        return str(state.get("Health", {}).get("Status", ""))

    def remove_container(self, container: str) -> None:
        """Kill and remove it."""
        self.ask(
            "DELETE",
            f"/containers/{container}",
            expected=404,
            params={"force": "true", "v": "true"},
        )

    def _is_up(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(self._socket)  # httpcore leaves a socket open that was refused
        try:
            return self._client.get("/_ping", timeout=1.0).text == "OK"
        except httpx.TransportError:
            return False

    def _end_containerd(self) -> None:
        for pid_file in (self._directory / "exec").glob("**/containerd.pid"):
            pid = int(pid_file.read_text())
            if self._is_ours(pid):
                os.kill(pid, signal.SIGKILL)
            wait_until("containerd ends", lambda pid=pid: not self._is_ours(pid))
            # Where nobody reaps it, it would still count as running.
            pid_file.unlink()

    def _end_containers(self) -> None:
        """Kill what a daemon that could not be started again would leave running."""
        for shim in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
            if self._is_ours(shim):
                children = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
                for pid in (*map(int, children), shim):
                    os.kill(pid, signal.SIGKILL)

    def _is_ours(self, pid: int) -> bool:
        try:
            return f"{self._directory}/exec".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False


def watching(docker: Docker, **settings: Any) -> DockerDiscovery:
    """
    A source for *docker* whose watch may be cancelled at any moment.

    By TCP: anyio 4.16 makes asyncio complain when the read of a Unix socket is cancelled in
    the very moment that something arrives, which a test takes for a failure.
    """
    return DockerDiscovery(docker.tcp_address, tls=docker.tls, **settings)


class Backend:
    """The daemon as one of the real servers of tests/discovery/test_backends.py."""

    name = "docker"
    lag = 1.0
    survives = True

    def __init__(self, directory: Path) -> None:
        self.docker = Docker(directory)
        self.spec = {"docker": {"daemon": self.docker.address}}
        self._containers: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        self.docker.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.docker.__exit__(*exc_info)

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """A container for *url*; labels never change, so a known one is made anew."""
        labels = {
            "meshlib.service": service,
            "meshlib.port": str(urlsplit(url).port),
            "meshlib.weight": str(weight),
            **{f"meshlib.metadata.{key}": value for key, value in (metadata or {}).items()},
        }
        made = self.docker.create(labels, host={"RestartPolicy": {"Name": "always"}})
        self.remove(service, url)
        self._containers[service, url] = made

    def remove(self, service: str, url: str) -> None:
        """Remove the container for *url*, if there is one."""
        container = self._containers.pop((service, url), None)
        if container is not None:
            self.docker.remove_container(container)

    def kill(self) -> None:
        """Kill the daemon."""
        self.docker.kill()

    def start(self) -> None:
        """Start it; it starts the containers, since that is their policy."""
        self.docker.start()


_TLS = {"ca": "cacert", "cert": "cert", "key": "key"}


def _image(busybox: Path) -> bytes:
    """An image with nothing but *busybox*, as a tar."""
    program = busybox.read_bytes()
    if b"/ld-linux" in program[:4096] or b"/ld-musl" in program[:4096]:
        pytest.skip("busybox is not static; MESHLIB_TEST_BUSYBOX may name one that is")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in ("bin", "etc", "proc", "sys", "tmp", "dev"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        file = tarfile.TarInfo("bin/busybox")
        file.size, file.mode = len(program), 0o755
        tar.addfile(file, io.BytesIO(program))
        for command in _COMMANDS:
            link = tarfile.TarInfo(f"bin/{command}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return content.getvalue()
