"""
`python -m meshlib schema`: the JSON Schema of the document.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the configuration document",
        description="Prints the schema (draft 2020-12) that editors complete and check"
        " documents with. In YAML, name it in the first line:"
        " # yaml-language-server: $schema=mesh.schema.json",
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    from ..config import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
