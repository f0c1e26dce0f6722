"""What is answered in the place of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ._abort_options import AbortFault
from ._injection import Kind

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Abort:
    """A status, an error or a blackhole, and what belongs to it."""

    kind: Kind
    status: int | None = None
    error: str | None = None
    blackhole: Literal["connect", "read"] | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    retry_after: float | None = None
    body: str = ""
    after_bytes: int | None = None

    @property
    def what(self) -> str:
        """The status or the name, and after how many bytes."""
        name = str(self.status or self.error or self.blackhole)
        return name if self.after_bytes is None else f"{name} after {self.after_bytes}"


NO_ABORT = Abort("status")
"""Of a fault without any."""


def abort_of(options: AbortFault) -> Abort:
    """The abort that *options* describe; of one that a header decides, all but the status."""
    kind: Kind = "status" if options.error is None else "error"
    return Abort(
        "blackhole" if options.blackhole else kind,
        options.status,
        options.error,
        options.blackhole,
        options.headers,
        options.retry_after,
        options.body,
        options.after,
    )


def abort_of_step(step: int | str) -> Abort:
    """The abort that a step of a sequence is by itself."""
    if isinstance(step, int):
        return Abort("status", status=step)
    return Abort("error", error=step)
