"""The services of a project, from all of its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery.docker.compose._part import Part
from meshlib.discovery.docker.compose._ports import Port
from meshlib.discovery.docker.compose._project import Project, ProjectReader


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write *files* by their paths from *directory*."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def load(directory: Path, environ: Mapping[str, str] | None = None, **settings: Any) -> Project:
    """The project in *directory*."""
    return ProjectReader(str(directory), environ=environ or {}, **settings).load()


def published(part: Part) -> set[tuple[int, int]]:
    """Which port is published for which."""
    ports = part.ports.value if part.ports is not None else ()
    return {(port.published[0] if port.published else 0, port.target) for port in ports}


def labels(part: Part) -> dict[str, str]:
    """The labels of a service."""
    return {} if part.labels is None else {**part.labels.value}


def test_later_files_are_merged_over_earlier_ones(tmp_path: Path) -> None:
    """Lists are joined, mappings too, and single values replaced."""
    write(
        tmp_path,
        {
            "a.yaml": """
services:
  users:
    ports: ["8001:80", "127.0.0.1:9001:90"]
    expose: [80, 81]
    labels: [a=1, b=2, c]
    profiles: [x]
    scale: 2
    network_mode: host
  orders: {deploy: {replicas: 3}}
""",
            "b.yaml": """
services:
  users:
    ports:
      - {target: 80, published: 8001, app_protocol: https}
      - 8002:80
    expose: ["81", "82"]
    labels: {b: 3, d: 4}
    profiles: [x, "y"]
    scale: 1
    network_mode: bridge
  orders:
  bills: {ports: , scale: null}
""",
        },
    )
    project = load(tmp_path, files=["a.yaml", "b.yaml"])
    users = project.services["users"]
    assert {(8001, 80), (9001, 90), (8002, 80)} == published(users)
    assert users.ports is not None
    assert Port(80, (8001, 8001), app_protocol="https") == users.ports.value[0]
    assert {"a": "1", "b": "3", "c": "", "d": "4"} == labels(users)
    assert users.exposed is not None
    assert (80, 81, 82) == users.exposed.value
    assert users.profiles is not None
    assert ("x", "y") == users.profiles.value
    assert users.network_mode is not None
    assert "bridge" == users.network_mode.value
    assert 1 == users.count
    assert 3 == project.services["orders"].count
    assert 1 == project.services["bills"].count
    assert f"{tmp_path}/b.yaml, line 3: services.users" == users.place


def test_marks_take_away_and_replace(tmp_path: Path) -> None:
    """`!reset` and `!override` are for what merging could only add to."""
    write(
        tmp_path,
        {
            "a.yaml": """
services:
  users: {ports: ["8001:80"], labels: {a: 1}, scale: 2, deploy: {replicas: 2}, expose: [80]}
  orders: {ports: ["8002:80"]}
  bills: {ports: ["8003:80"], deploy: {replicas: 2}}
""",
            "b.yaml": """
services:
  users:
    ports: !override ["9001:80"]
    labels: !reset {}
    scale: !reset null
    deploy: !reset null
    expose: !reset
  orders: !reset null
  bills: {deploy: !override {replicas: 3}}
""",
            "c.yaml": "services: {users: {ports: ['9002:80'], labels: {c: 3}}}",
        },
    )
    services = load(tmp_path, files=["a.yaml", "b.yaml", "c.yaml"]).services
    assert {"users", "bills"} == services.keys()
    assert {(9001, 80), (9002, 80)} == published(services["users"])
    assert {"c": "3"} == labels(services["users"])
    assert services["users"].exposed is not None
    assert () == services["users"].exposed.value
    assert 1 == services["users"].count
    assert 3 == services["bills"].count


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["compose.yaml", "docker-compose.yml"], {1}),
        (["docker-compose.yml", "docker-compose.yaml"], {1}),
        (["compose.yml", "compose.override.yml", "compose.override.yaml"], {1, 2}),
        (["docker-compose.yaml", "docker-compose.override.yml"], {1, 2}),
        (["compose.yaml", "compose.override.yaml"], {1, 2}),
    ],
)
def test_the_usual_names(tmp_path: Path, files: list[str], expected: set[int]) -> None:
    """The first of them, and the first of the overrides, here or in a directory above."""
    for number, name in enumerate(files, 1):
        write(tmp_path, {name: f"services: {{users: {{ports: ['{number}:80']}}}}"})
    (tmp_path / "below").mkdir()
    for directory in (tmp_path, tmp_path / "below"):
        services = load(directory).services
        assert expected == {port for port, _ in published(services["users"])}


def test_no_file_is_an_error(tmp_path: Path) -> None:
    """Those that were looked for are watched, so that one that comes is seen."""
    reader = ProjectReader(str(tmp_path), environ={})
    with pytest.raises(ConfigurationError, match=r"there is no compose file in .* one of compose"):
        reader.load()
    assert str(tmp_path / "docker-compose.yml") in reader.consulted


def test_a_variable_names_the_files(tmp_path: Path) -> None:
    """Of the process or of the file `.env`, with the separator of choice."""
    write(
        tmp_path,
        {
            "a.yaml": "services: {users: {ports: ['1:80']}}",
            "b.yaml": "services: {users: {ports: ['2:80']}}",
            "compose.yaml": "services: {}",
        },
    )
    by_process = load(tmp_path, {"COMPOSE_FILE": os.pathsep.join(["a.yaml", "b.yaml"])})
    assert {(1, 80), (2, 80)} == published(by_process.services["users"])
    write(tmp_path, {".env": "COMPOSE_FILE=a.yaml;b.yaml\nCOMPOSE_PATH_SEPARATOR=;\n"})
    by_file = load(tmp_path)
    assert {(1, 80), (2, 80)} == published(by_file.services["users"])
    assert {} == load(tmp_path, files=["compose.yaml"]).services


def test_variables(tmp_path: Path) -> None:
    """Those of the process win over those of `.env`, which is beside the first file."""
    write(
        tmp_path,
        {
            "p/compose.yaml": "services: {users: {ports: ['${P:?}:80'], labels: {z: $Z}}}",
            "p/.env": "P=1\nZ=a$P\n",
            "other": "P=3\n",
            "more": "P=4\nZ=more\n",
        },
    )
    users = load(tmp_path, files=["p/compose.yaml"]).services["users"]
    assert ({(1, 80)}, {"z": "a1"}) == (published(users), labels(users))
    users = load(tmp_path, {"P": "2"}, files=["p/compose.yaml"]).services["users"]
    assert ({(2, 80)}, {"z": "a2"}) == (published(users), labels(users))
    chosen: Any = {"files": ["p/compose.yaml"], "env_files": ["other", "more"]}
    users = load(tmp_path, **chosen).services["users"]
    assert ({(3, 80)}, {"z": "more"}) == (published(users), labels(users))
    with pytest.raises(ConfigurationError, match=r"none: no such file"):
        load(tmp_path, files=["p/compose.yaml"], env_files=["none"])
    with pytest.raises(ConfigurationError, match=r"line 1: services.users.ports\[0\]: .*P is"):
        load(tmp_path, {"P": ""}, files=["p/compose.yaml"])


def test_an_env_directory_is_none(tmp_path: Path) -> None:
    """As Compose has it."""
    write(tmp_path, {"compose.yaml": "services: {}"})
    (tmp_path / ".env").mkdir()
    assert {} == load(tmp_path).services


def test_profiles(tmp_path: Path) -> None:
    """By setting, or by variable of the process or of `.env`."""
    write(tmp_path, {"compose.yaml": "services: {}", ".env": "COMPOSE_PROFILES=a, b,\n"})
    assert ("a", "b") == load(tmp_path).profiles
    assert ("c",) == load(tmp_path, {"COMPOSE_PROFILES": "c"}).profiles
    assert ("d",) == load(tmp_path, profiles=["d"]).profiles
    assert () == load(tmp_path, profiles=[]).profiles


def test_extends(tmp_path: Path) -> None:
    """A service of the same file, of another one, and of what was merged before."""
    write(
        tmp_path,
        {
            "compose.yaml": """
services:
  base: {ports: ["1:80"], labels: {a: 1, b: 1}}
  users:
    extends: base
    ports: ["2:80"]
    labels: {b: 2}
  orders:
    extends: {service: users}
  bills:
    extends: {service: far, file: common/c.yaml}
  nothing:
    extends:
""",
            "more.yaml": "services: {late: {extends: orders, labels: {l: 1}}}",
            "common/c.yaml": """
services:
  far: {extends: {service: farther, file: d.yaml}, labels: {f: 1}}
""",
            "common/d.yaml": """
services: {farther: {ports: ['3:80']}}
---
services: {farther: {ports: ['4:80']}}
""",
        },
    )
    services = load(tmp_path, files=["compose.yaml", "more.yaml"]).services
    assert {(1, 80), (2, 80)} == published(services["users"]) == published(services["orders"])
    assert {"a": "1", "b": "2"} == labels(services["users"])
    assert {(3, 80), (4, 80)} == published(services["bills"])
    assert {"f": "1"} == labels(services["bills"])
    assert {"a": "1", "b": "2", "l": "1"} == labels(services["late"])
    assert services["users"].extends is None


def test_include(tmp_path: Path) -> None:
    """Other projects, each with its variables, unless ours say otherwise."""
    write(
        tmp_path,
        {
            "compose.yaml": """
include:
  - users/compose.yaml
  - path: [orders/a.yaml, orders/b.yaml]
    project_directory: other
    env_file: orders.env
  - path: users/compose.yaml
services: {bills: {ports: ["1:80"]}}
""",
            ".env": "OURS=9\n",
            "users/compose.yaml": """
include: [deep.yaml]
services: {users: {extends: {service: b, file: base.yaml}, ports: ["$P:80", "$OURS:90"]}}
""",
            "users/base.yaml": "services: {b: {labels: {z: b}}}",
            "users/deep.yaml": "services: {deep: {ports: ['$P:70']}}",
            "users/.env": "P=2\nOURS=3\n",
            "orders/a.yaml": "services: {orders: {ports: ['$P:80']}}",
            "orders/b.yaml": "services: {orders: {extends: {service: b, file: b.yaml}}}",
            "other/b.yaml": "services: {b: {ports: ['5:50']}}",
            "orders.env": "P=4\n",
            "more.yaml": "services: {users: {ports: ['6:60']}}",
        },
    )
    services = load(tmp_path, files=["compose.yaml", "more.yaml"]).services
    assert {(2, 80), (9, 90), (6, 60)} == published(services["users"])
    assert {"z": "b"} == labels(services["users"])
    assert {(2, 70)} == published(services["deep"])
    assert {(4, 80), (5, 50)} == published(services["orders"])
    assert {(1, 80)} == published(services["bills"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "compose.yaml: the file is empty"),
        ("- a", "compose.yaml, line 1: a mapping is needed"),
        ("services: []", "line 1: services: a mapping is needed"),
        ("services: {a: []}", "line 1: services.a: a mapping is needed"),
        ("services: {a: {ports: 80}}", r"services\.a\.ports: a list is needed"),
        ("services: {a: {ports: [x]}}", r"services\.a\.ports\[0\]: 'x' is not a port"),
        ("services: {a: {labels: x}}", r"services\.a\.labels: a list is needed"),
        ("services: {a: {scale: x}}", r"services\.a\.scale: a whole number"),
        ("services: {a: {deploy: {replicas: -1}}}", r"a\.deploy\.replicas: a whole number"),
        ("services: {a: {label_file: x}}", r"a\.label_file: not supported; write"),
        ("services: {a: {extends: b}}", r"a\.extends: there is no service 'b' to extend"),
        ("services: {a: {extends: a}}", r"a\.extends: it extends itself, by way of a$"),
        (
            "services: {a: {extends: b}, b: {extends: {service: a, file: compose.yaml}}}",
            "it extends itself, by way of a, b",
        ),
        ("services: {a: {extends: {file: compose.yaml}}}", "a service to extend is needed"),
        ("services: {a: {extends: {service: b, file: none.yaml}}}", "none.yaml: no such file"),
        ("services: {a: {extends: {service: b, file: other.yaml}}}", "no service 'b' to extend"),
        (
            "services: {a: {extends: {service: b, file: 'https://example.com/c.yaml'}}}",
            r"a\.extends\.file: .* elsewhere is not supported",
        ),
        ("include: [none.yaml]", "none.yaml: no such file"),
        ("include: [compose.yaml]", r"include\[0\]: it includes itself"),
        ("include: [{env_file: a}]", r"include\[0\]: a path to include is needed"),
        ("include: [{path: []}]", r"include\[0\]: a path to include is needed"),
        ("include: ['']", r"include\[0\]: '' is not a file here"),
        ("include: ['git@github.com:a/b.git']", "elsewhere is not supported"),
        (
            "include: [other.yaml]\nservices: {users: {ports: ['2:2']}}",
            r"include\[0\]: the service 'users' stands in .*compose.yaml, line 2: services.users",
        ),
    ],
)
def test_what_is_no_project_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """With file, line and place."""
    write(tmp_path, {"compose.yaml": content, "other.yaml": "services: {users: {ports: ['1:1']}}"})
    with pytest.raises(ConfigurationError, match=message):
        load(tmp_path)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """With what the system says of it."""
    reading: Any = {"read": lambda path: PermissionError(13, "Permission denied")}
    with pytest.raises(ConfigurationError, match=r"/\.env: Permission denied"):
        load(tmp_path, files=["compose.yaml"], **reading)


def test_a_secret_that_is_not_ours_is_not_asked_for(tmp_path: Path) -> None:
    """Only what says where a service is called is looked at."""
    content = "services: {users: {image: 'x:${TAG:?}', environment: {S: '${SECRET:?}'}}}"
    write(tmp_path, {"compose.yaml": content})
    assert {"users"} == load(tmp_path).services.keys()
