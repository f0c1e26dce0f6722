"""Runs of pytest inside of a test, each in a process and a directory of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

_ALONE = ("-p", "no:cacheprovider", "-p", "no:cloudcoil")
_INI = "[pytest]\nfilterwarnings = error\n"


@dataclass(frozen=True)
class Subrun:
    """What a run said: how many of its tests ended how, and its output."""

    output: str

    def __getitem__(self, outcome: str) -> int:
        """How many `passed`, `failed`, or ended in `error`."""
        found = re.findall(rf"(\d+) {outcome}s?\b", self.output.strip().splitlines()[-1])
        return int(found[0]) if found else 0


def run_pytest(
    place: Path, source: str, *arguments: str, ini: str = "", asyncio: bool = False
) -> Subrun:
    """Run the tests of *source* in *place*, with the plugins that are installed."""
    if not asyncio:  # pytest-asyncio warns in every run that does not set it up
        arguments = ("-p", "no:asyncio", *arguments)
    (place / "test_it.py").write_text(textwrap.dedent(source), encoding="utf-8")
    (place / "pytest.ini").write_text(_INI + textwrap.dedent(ini), encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_ALONE, *arguments],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return Subrun(done.stdout)
