"""
What `python -m meshlib demo` runs.

Five real server processes of three services get a few thousand requests, through blocking
and asynchronous clients, while a process is killed and restarted, one is slow, one flaps,
one is overloaded, and faults are injected; then the same requests go through plain httpx.
`server` is one process and `replicas` are all of them; `traffic` sends requests and keeps
records; `phases` are the troubles and `story` goes through them; `board` holds the figures
and `view` shows them. It uses nothing of meshlib but public names.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from .story import Outcome

__all__ = ["run"]

_SAVED_ALL = 0
_LOST_SOME = 1
_NO_START = 3
_INTERRUPTED = 130


def run(*, fast: bool, retries: bool, seed: int, as_json: bool, plain: bool) -> int:
    """
    Show the demo; return 0 when the mesh saved every request that it should have saved.

    Returns 1 when it did not, 3 when a server process could not be started, and 130 when
    the user interrupted it. `board.to_be_saved` defines what should be saved.

    *fast* tells the story in seconds, with fewer requests. *retries* False turns retries
    and hedges off, so that requests are lost. *as_json* writes the figures to standard
    output and everything else to standard error. *plain* keeps rich away from a terminal.
    """
    from .phases import FAST, FULL
    from .replicas import ReplicaError
    from .story import Story
    from .view import LiveView, View

    out = sys.stderr if as_json else sys.stdout
    # The story tells of breakers itself.
    logging.getLogger("meshlib").addHandler(logging.NullHandler())
    view: View = LiveView(out) if out.isatty() and not plain and _has_rich(out) else View(out)
    story = Story(view, FAST if fast else FULL, seed=seed, retries=retries)
    try:
        outcome = asyncio.run(story.tell())
    except KeyboardInterrupt:
        view.write("interrupted; the server processes were ended")
        return _INTERRUPTED
    except ReplicaError as exc:
        sys.stderr.write(f"the demo could not run: {exc}\n")
        return _NO_START
    view.ended(outcome)
    if as_json:
        json.dump(_figures(outcome), sys.stdout, indent=1)
        sys.stdout.write("\n")
    return _LOST_SOME if outcome.lost else _SAVED_ALL


def _has_rich(out: TextIO) -> bool:
    try:
        import rich  # noqa: F401 -- asks whether it is there
    except ImportError:
        out.write("(a live table needs rich: pip install 'meshlib-client[demo]')\n")
        return False
    return True


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "saved_all": not outcome.lost,
        "total": {
            way.name: figures.as_json()
            for way, figures in zip(outcome.ways, outcome.total, strict=True)
        },
        "phases": {
            way.name: {name: figures.as_json() for name, figures in way.by_phase.items()}
            for way in outcome.ways
        },
    }
