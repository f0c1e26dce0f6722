"""
The whole report: every benchmark, one after another, each in a process of its own.

    python benchmarks                        # about half an hour
    python benchmarks --quick                # whether they all run: too short for the limits
    python benchmarks --only wire sidecar
    python benchmarks --soak                 # and 20 minutes of full load
    python benchmarks --json report.json --plots FOLDER
    python benchmarks --load report.json --markdown docs/explanation/performance.md

`--load` takes the figures of an earlier report for everything that is not measured now, which
without `--only` is everything; `--markdown` writes tables and plots into a page, see _page.py.
A benchmark that fails, one that is left out and a limit that does not hold are told at the
end, and the others run nevertheless. The exit code is 1 when one failed, and with `--check`
when a limit does not hold.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
sys.path.append(str(FOLDER.parent))  # for a checkout that is not installed

if __name__ == "__main__":
    from _whole import main

    sys.exit(main())
