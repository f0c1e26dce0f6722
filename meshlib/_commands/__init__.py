"""
What follows `python -m meshlib`: one module per command.

Each has `register(commands)`, which adds its parser to argparse's subparsers and says with
`parser.set_defaults(run=...)` what runs it: a function from the parsed arguments to the
exit code. `__main__` lists them. What a command needs is imported when it runs, so that
`--help` is quick and one that lacks a library does not keep the others from starting.
"""

from __future__ import annotations

__all__: list[str] = []
