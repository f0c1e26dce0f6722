"""
A process with a canary in a shared store, which says what it does.

    ... SETTINGS_AS_JSON SHARE FILE

From *share* on it calls nobody until there is *file*, so that the rollout waits.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from pathlib import Path
from typing import Any

from meshlib._clock import wall
from meshlib.events import CanaryStoreChanged, Event
from meshlib.routing import RequestInfo, RouteOptions, RouteTable
from meshlib.routing.canary import CanaryRecord
from meshlib.runtime._background import Background
from meshlib.runtime.canarying._canarying import Canarying

CALLS = 20
PAUSE = 0.005
"""Calls at once, and seconds between them: the four thousand a second of a busy process."""


def told_of(event: Event) -> None:
    """Print whether the store can be reached, when that changes."""
    if isinstance(event, CanaryStoreChanged):
        print(f"reachable: {event.reachable}", flush=True)


def main(settings: Any, held_at: float, go_on: Path) -> None:
    """Call, and print each record that is taken over with the weights that it led to."""
    background = Background("canary")
    canarying = Canarying(background, told_of, name="test", wall=wall, rng=random.Random())
    table = RouteTable([RouteOptions.model_validate(settings)], service="users")
    rollout = canarying.assign("users", table)["canary"]
    split = table.splits["canary"]
    take = rollout.take

    def told(record: CanaryRecord) -> None:
        take(record)
        state = record.progress.state.value
        said = [record.generation, split.weights[0], record.holder == rollout.me, state]
        print(json.dumps(said), flush=True)

    rollout.take = told  # type: ignore[method-assign]  # to listen in
    canarying.start("users")
    rng, pause = random.Random(), threading.Event()
    info = RequestInfo("GET", b"/", {}, rng=rng)
    while True:
        if split.weights[0] >= held_at and not go_on.exists():
            pause.wait(PAUSE)
            continue
        for _ in range(CALLS):
            canary = rollout.is_canary(split.choose(info))
            rollout.samples.add(
                canary=canary, failed=False, elapsed=0.1 * rng.lognormvariate(0, 0.2)
            )
        pause.wait(PAUSE)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
