"""
Is an endpoint fit, and is this process: the room of active checks and probes.

Until checks are configured every endpoint counts as fit; `Service.set_healthy` is the door
through which a check tells what it found.
"""

__all__: list[str] = []
