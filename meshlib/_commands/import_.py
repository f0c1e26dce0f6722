"""
`python -m meshlib import istio`: a document out of what Istio is told.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..convert import Finding

_EXIT_CODES = """\
exit codes:
  0  the document was written; what could not be carried over is on stderr
  1  with --strict: it was written, and something could not be carried over as it is
  2  the arguments are wrong, a file cannot be read, or has no objects of Kubernetes
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "import",
        help="a document out of what another mesh is told",
        description="Writes a document out of what another mesh is told.",
    )
    parser.set_defaults(run=lambda _: _usage(parser))
    kinds = parser.add_subparsers(dest="kind", metavar="kind")
    istio = kinds.add_parser(
        "istio",
        help="VirtualService, DestinationRule and HTTPRoute",
        description="Reads VirtualServices, DestinationRules and HTTPRoutes, and writes the "
        "document that they come to. What could not be carried over is told on stderr, field "
        "by field; nothing is dropped in silence.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    istio.add_argument("files", nargs="+", metavar="FILE", help="YAML; `-` is the standard input")
    istio.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    istio.add_argument(
        "--namespace", default="", help="whose services go by their names alone (the most used)"
    )
    istio.add_argument("--strict", action="store_true", help="exit code 1 for any loss")
    istio.set_defaults(run=_istio)


def _istio(chosen: argparse.Namespace) -> int:
    from .._exceptions import ConfigurationError
    from ..convert import import_istio, to_yaml

    try:
        files = [(name, read(name)) for name in chosen.files]
        document, findings = import_istio(files, namespace=chosen.namespace)
        write(chosen.output, to_yaml(document))
    except (OSError, ConfigurationError) as exc:
        return wrong(exc)
    return report(findings, strict=chosen.strict)


def read(name: str) -> bytes:
    """What is in the file *name*, or `-` in the standard input."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def write(name: str, text: str) -> None:
    """Write *text* to the file *name*, or with `-` to the standard output."""
    if name == "-":
        sys.stdout.write(text)
    else:
        Path(name).write_text(text, encoding="utf-8")


def report(findings: Sequence[Finding], *, strict: bool) -> int:
    """Tell on stderr what could not be carried over; the exit code."""
    for finding in findings:
        sys.stderr.write(f"{finding}\n")
    lost = sum(finding.lost for finding in findings)
    if findings:
        sys.stderr.write(f"{lost} not carried over, {len(findings) - lost} with another meaning\n")
    return 1 if strict and findings else 0


def wrong(error: Exception) -> int:
    """Tell on stderr why nothing was written; the exit code."""
    sys.stderr.write(f"meshlib: {error}\n")
    return 2


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_usage(sys.stderr)
    return 2
