"""
`python -m meshlib registry`: the registry as a program.
"""

from __future__ import annotations

from typing import Any

from ..discovery.registry import registry_command


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    registry_command(commands)
