"""That Compose itself reads the same from the same files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.discovery.docker.compose._endpoints import _is_active
from meshlib.discovery.docker.compose._part import Part
from meshlib.discovery.docker.compose._project import ProjectReader
from support.real import find_program

Read = dict[str, Any]
PROFILES = ("x",)
ENVIRON = {"OURS": "process", "EMPTY": ""}


@pytest.fixture(scope="module")
def compose() -> str:
    """The program of Compose, which needs no daemon to read files."""
    return find_program("docker-compose", "MESHLIB_TEST_DOCKER_COMPOSE")


def as_compose(compose: str, directory: Path, files: list[str]) -> Read | None:
    """What Compose reads; None when it refuses."""
    arguments = [argument for file in files for argument in ("-f", file)]
    arguments += [argument for profile in PROFILES for argument in ("--profile", profile)]
    done = subprocess.run(
        [compose, *arguments, "config", "--format", "json"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **ENVIRON},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        return None
    services = json.loads(done.stdout).get("services") or {}
    return {name: of_compose(service) for name, service in services.items()}


def of_compose(service: Any) -> Read:
    """What we look at of a service."""
    replicas = (service.get("deploy") or {}).get("replicas")
    scale = service.get("scale")
    return {
        "ports": {
            (
                port["target"],
                port.get("published") or "",
                port.get("host_ip", ""),
                port.get("protocol", "tcp"),
                port.get("app_protocol", ""),
            )
            for port in service.get("ports") or ()
        },
        "expose": {str(one) for one in service.get("expose") or ()},
        # What it writes may be read again, so it doubles each dollar.
        "labels": {k: v.replace("$$", "$") for k, v in (service.get("labels") or {}).items()},
        "count": scale if scale is not None else 1 if replicas is None else replicas,
        "network_mode": service.get("network_mode", ""),
    }


def as_we_do(directory: Path, files: list[str]) -> Read | None:
    """What we read; None when we refuse."""
    reader = ProjectReader(str(directory), files=files, profiles=PROFILES, environ=ENVIRON)
    try:
        project = reader.load()
    except ConfigurationError:
        return None
    return {
        name: of_ours(part) for name, part in project.services.items() if _is_active(part, project)
    }


def of_ours(part: Part) -> Read:
    """The same of ours."""
    return {
        "ports": {
            (
                port.target,
                "-".join(map(str, dict.fromkeys(port.published))) if port.published else "",
                port.host_ip,
                port.protocol,
                port.app_protocol,
            )
            for port in (part.ports.value if part.ports is not None else ())
        },
        "expose": {str(one) for one in (part.exposed.value if part.exposed is not None else ())},
        "labels": {**part.labels.value} if part.labels is not None else {},
        "count": part.count,
        "network_mode": part.network_mode.value if part.network_mode is not None else "",
    }


def write(directory: Path, files: dict[str, str]) -> None:
    """Write *files* to *directory*."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)


FILES = {
    ".env": """
PORT=8001 # the port
export RANGE="8101-8103"
QUOTED='$PORT'
NESTED=${NONE:-${PORT}}
OURS=file
ESCAPED="\\$PORT"
""",
    "a.yaml": """
x-labels: &labels {meshlib.weight: 2, zone: a, q: "1.50"}
services:
  users:
    image: "x:${TAG:-latest}"
    ports:
      - "${PORT}:80"
      - "127.0.0.1:9001:90"
      - "[::1]:9002:91"
      - 127.0.0.1::92
      - 53:53/udp
      - 9100-9101:9200-9201
      - 22:22
      - 8090
      - target: 95
        published: "9005"
        host_ip: 127.0.0.1
        app_protocol: https
      - {target: 96}
    expose: [70, "71"]
    labels:
      <<: *labels
      version: 1.10
      truth: True
      none:
      octal: 010
      big: 12345678.5
      small: 0.00001
      many: 1e3
      hex: 0x1f
      under: 1_000
      plus: +5
      word: yes
      ours: $OURS
      quoted: ${QUOTED}
      nested: ${NESTED}
      escaped: ${ESCAPED}
      dollar: $$PORT
      empty: "${EMPTY-d}${EMPTY:-e}${NONE:+f}${OURS:+g}"
    scale: 2
  orders:
    image: x
    ports: ["${RANGE}:80"]
    deploy: {replicas: 3}
    profiles: [x]
  hidden: {image: x, profiles: ["y"]}
  bills:
    extends: {service: base, file: common/base.yaml}
    labels: [own=1, bare]
  derived:
    extends: bills
    ports: ["7001:80"]
  alone: {image: x, network_mode: host, expose: ["8001"]}
""",
    "b.yaml": """
services:
  users:
    ports:
      - 8001:80
      - 8002:80
      - target: 90
        published: 9001
        host_ip: 127.0.0.1
        protocol: udp
    labels: [zone=b, more=1]
    scale: 1
  orders:
    deploy: {replicas: 2}
    ports: !reset []
  bills:
    labels: {own: 2}
  hidden: {profiles: [x]}
""",
    "common/base.yaml": """
services:
  base:
    image: x
    ports: ["7000:80"]
    expose: [81]
    labels: {base: yes}
""",
    "i.yaml": """
include:
  - sub/compose.yaml
services: {users: {image: x, ports: ["1:80"]}}
""",
    "sub/compose.yaml": "services: {inner: {image: x, ports: ['$P:80'], labels: {o: $OURS}}}",
    "sub/.env": "P=2\nOURS=sub\n",
}


@pytest.mark.parametrize("files", [["a.yaml"], ["a.yaml", "b.yaml"], ["i.yaml"]])
def test_projects_are_read_alike(compose: str, tmp_path: Path, files: list[str]) -> None:
    """Variables, forms of ports and labels, merging, inclusion and extension."""
    write(tmp_path, FILES)
    assert as_compose(compose, tmp_path, files) == as_we_do(tmp_path, files) is not None


@pytest.mark.parametrize(
    "service",
    [
        "{ports: [eighty]}",
        "{ports: ['81-80']}",
        "{ports: ['1-3:80-81']}",
        "{ports: ['80/icmp']}",
        "{ports: ['localhost:80:80']}",
        "{ports: 80}",
        "{ports: [{published: 80}]}",
        "{ports: ['${NONE:?needed}']}",
        "{ports: ['${NONE']}",
        "{ports: ['${NONE/a/b}']}",
        "{labels: [[a]]}",
        "{labels: 1}",
        "{scale: x}",
        "{scale: 1, scale: 2}",
        "{extends: none}",
        "{extends: {service: users, file: none.yaml}}",
        "{extends: users}",
        "[]",
    ],
)
def test_what_one_refuses_the_other_does(compose: str, tmp_path: Path, service: str) -> None:
    """A mistake in what we read is one for both."""
    write(tmp_path, {"a.yaml": f"services: {{users: {service}}}\n"})
    assert as_we_do(tmp_path, ["a.yaml"]) is None
    assert as_compose(compose, tmp_path, ["a.yaml"]) is None


NUMBER = st.integers(1, 3).map(lambda n: 8000 + n)
PORT = st.one_of(
    st.builds("{}:{}".format, NUMBER, NUMBER),
    st.builds("127.0.0.1:{}:{}/udp".format, NUMBER, NUMBER),
    st.builds("{{target: {}, published: {}}}".format, NUMBER, NUMBER),
    NUMBER.map(str),
)
LABEL = st.sampled_from(
    ["1", "1.0", "1.20", "true", "No", "'x'", "x y", "$OURS", "${A-b}", "$$", "null", "07", "1e2"]
)
SERVICE = st.fixed_dictionaries(
    {"image": st.just("x")},
    optional={
        "ports": st.lists(PORT, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        "labels": st.dictionaries(st.sampled_from("abc"), LABEL, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        ),
        "expose": st.lists(NUMBER, max_size=2, unique=True).map(str),
        "profiles": st.sampled_from(["[x]", "['y']", "[x, 'y']", "[]"]),
        "scale": st.integers(0, 3).map(str),
    },
).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}")
FILE = st.dictionaries(st.sampled_from(["users", "orders"]), SERVICE, min_size=1, max_size=2).map(
    lambda items: "services:\n" + "".join(f"  {name}: {one}\n" for name, one in items.items())
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FILE, min_size=1, max_size=3))
def test_any_files_are_merged_alike(compose: str, tmp_path: Path, contents: list[str]) -> None:
    """Whatever one file says over another."""
    files = [f"{number}.yaml" for number in range(len(contents))]
    write(tmp_path, dict(zip(files, contents, strict=True)))
    assert as_compose(compose, tmp_path, files) == as_we_do(tmp_path, files)
