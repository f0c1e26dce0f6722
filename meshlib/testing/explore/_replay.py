"""A failing case as a file that says how to see it again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._plan import Injection, Plan

VERSION = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """
    The faults under which one test fails.

    *test* is its node id. *failure* is what it said, for the reader; nothing is made of it.
    """

    test: str
    plan: Plan
    failure: str = ""

    @property
    def file_name(self) -> str:
        """The same for the same case, and different for another one."""
        faults = sorted(f"{one.site.key} {one.label}" for one in self.plan.injections)
        key = "\n".join([self.test, *faults])
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.test.rpartition("::")[2]).strip("-")
        return f"{name[:60]}-{digest}.json"

    def dumps(self) -> str:
        """The text of the file."""
        return json.dumps(
            {
                "version": VERSION,
                "test": self.test,
                "case": str(self.plan),
                "failure": self.failure,
                "run": f"pytest --mesh-replay={self.file_name}",
                "faults": [injection.to_json() for injection in self.plan.injections],
            },
            indent=2,
        )

    @classmethod
    def loads(cls, text: str) -> Replay:
        """The case in *text*; ValueError when it is none."""
        try:
            value: Mapping[str, Any] = json.loads(text)
            if value["version"] != VERSION:
                raise ValueError(f"version {value['version']!r} is not {VERSION}")
            faults = tuple(Injection.from_json(fault) for fault in value["faults"])
            return cls(value["test"], Plan(faults, len(faults)), value.get("failure", ""))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"no replay file: {exc!r}") from exc
