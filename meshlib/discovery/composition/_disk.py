"""
Lists of endpoints in files, for the next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint

_VERSION = 1
_LONGEST = 200
"""Characters of a file name that are the service's; file systems allow 255 bytes in all."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file holds; *written* is in seconds since the epoch."""

    endpoints: tuple[Endpoint, ...]
    written: float


def file_of(directory: Path, service: str) -> Path:
    """The file for *service*: its name in lower case, with everything special escaped."""
    name = quote(service.lower(), safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return directory / f"{name}.json"


def save(file: Path, service: str, endpoints: Sequence[Endpoint], written: float) -> None:
    """
    Replace *file* in one step; raises OSError.

    Blocks. A reader sees the old file or the new one, after a crash too, and of several
    writers the last one wins.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        dir=file.parent, prefix=f".{file.name[:_LONGEST]}.", suffix=".tmp"
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(_head(service, written))
            for number, endpoint in enumerate(endpoints):
                # One by one: the encoder holds the interpreter's lock for as long as it runs.
                stream.write(("," if number else "") + "\n" + json.dumps(_record(endpoint)))
            stream.write("\n]}\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(content: bytes, service: str) -> Saved:
    """What `save` wrote for *service*; raises ConfigurationError for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"no JSON: {exc}") from None
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ConfigurationError(f"no snapshot of version {_VERSION}")
    if document.get("service") != service.lower():
        raise ConfigurationError(f"a snapshot of {document.get('service')!r:.80}")
    written, records = document.get("written"), document.get("endpoints")
    if isinstance(written, bool) or not isinstance(written, int | float) or not written > 0:
        raise ConfigurationError(f"no time of writing, but {written!r:.80}", path="written")
    if not isinstance(records, list):
        raise ConfigurationError(f"no list, but {records!r:.80}", path="endpoints")
    return Saved(
        tuple(parse_endpoint(one, f"endpoints[{n}]") for n, one in enumerate(records)),
        float(written),
    )


def _head(service: str, written: float) -> str:
    head = {"version": _VERSION, "service": service.lower(), "written": written}
    return json.dumps(head)[:-1] + ', "endpoints": ['


def _record(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "kind": endpoint.kind,
        "metadata": dict(endpoint.metadata),
    }
