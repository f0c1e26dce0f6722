"""
What may be said of the calls that this process makes, whatever service they are for.
"""

from __future__ import annotations

from .._options import Options
from ..security.authorization import AuthorizationOptions


class OutboundOptions(Options):
    """Calls that this process makes."""

    authorization: AuthorizationOptions | None = None
    """
    Which services, methods and paths may be called; null: all. The caller that its rules
    see is the name of this mesh. What is refused raises RouteDeniedError, and nothing is
    sent, not by a mirror either.
    """
