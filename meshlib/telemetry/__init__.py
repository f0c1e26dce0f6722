"""
Who hears about what happened: reports, metrics, spans and log lines.

Nothing here decides anything, and nothing here is paid for by a call unless somebody
listens.
"""

from ._report import AttemptReport, CallReport

__all__ = ["AttemptReport", "CallReport"]


# --- temporary until telemetry lands (lead) ---
class StateLog:
    """."""

    def __call__(self, event: object) -> None:
        """."""


MeshMetrics = dict


def measure(*args: object) -> dict:
    """."""
    return {}


def tracing() -> None:
    """."""
    return None
