"""Three processes on one etcd: they agree, and survive the death of the one that leads."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from meshlib.routing.canary import CanaryRecord, parse_record
from support import canary_process
from support.real import Program, wait_until
from support.real.consul import ConsulAgent
from support.real.etcd import Member, encoded
from support.rollouts import SPLIT

ROOT = Path(__file__).parents[2]
KEY = "meshlib/canary%2Fusers%2Fcanary"
LEASE, SKEW = 1.0, 0.3


class Seen(NamedTuple):
    """A record that a process took over, and what it made of it."""

    generation: int
    weight: float
    leads: bool
    state: str


class Told(Program):
    """A process, and what it says; from *held_at* on it waits for `go_on`."""

    def __init__(self, name: str, directory: Path, settings: Any, held_at: float = 0.3) -> None:
        self.log = directory / f"{name}.log"
        hold = [str(held_at), str(directory / "go-on")]
        super().__init__(
            [sys.executable, canary_process.__file__, json.dumps(settings), *hold],
            ready=lambda: bool(self.walk),
            log=self.log,
            env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        )

    @property
    def walk(self) -> list[Seen]:
        """Everything that it took over, in order."""
        lines = self.log.read_text().splitlines(keepends=True) if self.log.exists() else []
        return [Seen(*json.loads(line)) for line in lines if line.startswith("[") and "\n" in line]

    @property
    def last(self) -> Seen:
        """What it took over last."""
        return self.walk[-1]


def history(etcd: Member) -> list[CanaryRecord]:
    """Every record that was ever written, in order; etcd keeps them all."""
    newest = etcd.call("/kv/range", {"key": encoded(KEY)})["kvs"][0]
    found = []
    for revision in range(int(newest["create_revision"]), int(newest["mod_revision"]) + 1):
        kv = etcd.call("/kv/range", {"key": encoded(KEY), "revision": str(revision)})["kvs"][0]
        found.append(parse_record(base64.b64decode(kv["value"])))
    return found


def quick(store: Any) -> dict[str, Any]:
    """A route whose canary is promoted within seconds."""
    return {
        "name": "canary",
        "split": SPLIT,
        "canary": {
            "initial_weight": 0.1,
            "step": 0.1,
            "max_weight": 0.9,
            "interval": 0.5,
            "lease": LEASE,
            "max_skew": SKEW,
            "analysis": {"min_samples": 50, "max_success_degradation": None},
            "store": store,
        },
    }


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Member]:
    """A server of its own."""
    with Member(tmp_path) as member:
        yield member


def go_on(directory: Path) -> None:
    """Let the processes call again."""
    (directory / "go-on").touch()


def without_leader(processes: list[Told], directory: Path) -> list[Told]:
    """Kill the one that leads, and wait until the others are done."""
    leads = [process for process in processes if process.last.leads]
    leader = max(leads, key=lambda process: process.last.generation)
    leader.kill()
    go_on(directory)
    left = [process for process in processes if process is not leader]
    wait_until("both are promoted", lambda: all(p.last.weight == 1.0 for p in left))
    return left


def test_three_processes_agree_and_survive_the_leader(etcd: Member, tmp_path: Path) -> None:
    """
    Each has the share of the record at every generation that it ever knew.

    The one that leads is killed; another takes over when its lease ran out, not before,
    and the rollout ends in promotion for those that are left.
    """
    settings = quick({"etcd": etcd.url})
    with ExitStack() as stack:
        processes = [Told(name, tmp_path, settings) for name in ("a", "b", "c")]
        for process in processes:
            stack.enter_context(process)
        wait_until("all are at 30 %", lambda: all(p.last.weight >= 0.3 for p in processes))
        left = without_leader(processes, tmp_path)

    records = history(etcd)
    generations = [record.generation for record in records]
    assert generations == list(range(1, len(records) + 1))
    shares = {each.generation: each.progress.share for each in records}
    for process in processes:
        walk = process.walk
        assert all(one.weight == shares[one.generation] for one in walk)
        assert [one.generation for one in walk] == sorted({one.generation for one in walk})
    assert {"promoted"} == {process.last.state for process in left}

    steps = list(dict.fromkeys(record.progress.share for record in records))
    assert [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0] == steps

    takeovers = [
        (before, after)
        for before, after in pairwise(records)
        if after.holder and before.holder != after.holder
    ]
    assert takeovers
    for before, after in takeovers:
        taken_at = after.expires_at - LEASE
        assert before.expires_at + SKEW < taken_at
        assert taken_at < before.expires_at + SKEW + 10.0  # the machine may be busy


@pytest.mark.parametrize("kind", ["consul", "file"])
def test_processes_agree_in_other_stores(kind: str, tmp_path: Path) -> None:
    """A generation has one share, whoever reads it, and nobody goes back to an older one."""
    with ExitStack() as stack:
        if kind == "consul":
            agent = stack.enter_context(ConsulAgent(tmp_path))
            settings = quick({"consul": agent.url})
        else:
            settings = quick({"file": str(tmp_path / "{name}.json")})
        processes = [Told(name, tmp_path, settings) for name in ("a", "b", "c")]
        for process in processes:
            stack.enter_context(process)
        wait_until("all are at 30 %", lambda: all(p.last.weight >= 0.3 for p in processes))
        without_leader(processes, tmp_path)
    shares: dict[int, float] = {}
    for process in processes:
        walk = process.walk
        assert all(one.weight == shares.setdefault(one.generation, one.weight) for one in walk)
        assert [one.generation for one in walk] == sorted({one.generation for one in walk})


def test_a_store_that_hangs_leaves_the_share_as_it_is(etcd: Member, tmp_path: Path) -> None:
    """Processes say so, and go on when it answers again."""
    with ExitStack() as stack:
        settings = quick({"etcd": etcd.url})
        processes = [Told(name, tmp_path, settings, held_at=0.2) for name in ("a", "b")]
        for process in processes:
            stack.enter_context(process)
        wait_until("both are at 20 %", lambda: all(p.last.weight >= 0.2 for p in processes))
        etcd.program.freeze()
        try:
            wait_until(
                "both are out of touch",
                lambda: all("reachable: False" in p.log.read_text() for p in processes),
            )
            assert all(p.last.weight >= 0.2 for p in processes)
        finally:
            etcd.program.thaw()
        go_on(tmp_path)
        wait_until("both are promoted", lambda: all(p.last.weight == 1.0 for p in processes))
    for process in processes:
        assert process.log.read_text().count("reachable") == 2
