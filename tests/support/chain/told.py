"""What the three services have in common: their settings, their records, their spans."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from meshlib.inbound import served_request
from meshlib.telemetry.otlp import export_otlp

SETTINGS = json.loads(Path(os.environ["CHAIN_SETTINGS"]).read_text())
NAME: str = SETTINGS["document"]["name"]
_SHOWN = ("traceparent", "baggage", "b3", "x-b3-traceid", "x-envoy-expected-rq-timeout-ms")


def record(word: str, **facts: Any) -> None:
    """Write down that something happened, for the test to read."""
    line = json.dumps({"word": word, **facts}) + "\n"
    with Path(SETTINGS["records"]).open("a") as file:  # one write: several processes append
        file.write(line)


def seen(headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What the request that is being served says of itself."""
    given = {name.lower(): value for name, value in headers}
    served = served_request.get()
    assert served is not None
    return {
        "service": NAME,
        "request_id": served.request_id,
        "origin": served.origin,
        "depth": served.depth,
        "stack": served.stack,
        "caller": served.caller,
        "priority": served.priority.name,
        "tenant": served.tenant,
        "attempt": served.attempt,
        "headers": {name: given[name] for name in _SHOWN if name in given},
    }


def export_spans(mesh: Any) -> None:
    """Send the spans of this process to the receiver of the test, soon after they end."""
    export_otlp(mesh, endpoint=SETTINGS["receiver"], metrics=False)
