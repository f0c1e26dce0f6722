"""Where faults may run: in the environments that are listed, and nowhere else."""

from __future__ import annotations

from collections.abc import Collection

VARIABLE = "MESHLIB_ENV"
"""Names the environment that the process runs in."""


def why_forbidden(environments: Collection[str] | None, environment: str) -> str:
    """
    Why no fault may act in *environment*; empty when faults may.

    *environments* are those where they may; None is no list, and forbids nothing. Names
    are compared as they are: `Staging` is not `staging`, and an environment without a
    name is none of them.
    """
    if environments is None or (environment and environment in environments):
        return ""
    here = f"{VARIABLE} is {environment!r}" if environment else f"{VARIABLE} is not set"
    allowed = ", ".join(sorted(environments)) or "none"
    return f"{here}, and faults may run in: {allowed}"
