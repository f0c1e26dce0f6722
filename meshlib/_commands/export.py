"""
`python -m meshlib export kubernetes`: what a cluster with Istio is told, out of a document.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .import_ import report, wrong

_EXIT_CODES = """\
exit codes:
  0  the objects were written; what they cannot say is on stderr
  1  with --strict: they were written, and cannot say everything
  2  the arguments are wrong, or the document cannot be read or is not valid
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "export",
        help="what others are told, out of a document",
        description="Writes what others are told out of a document.",
    )
    parser.set_defaults(run=lambda _: _usage(parser))
    kinds = parser.add_subparsers(dest="kind", metavar="kind")
    kubernetes = kinds.add_parser(
        "kubernetes",
        help="objects of Kubernetes and Istio",
        description="Writes VirtualServices, DestinationRules, a PeerAuthentication, a "
        "NetworkPolicy, a ServiceAccount, and a ConfigMap of the document.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kubernetes.add_argument("file", metavar="FILE", help="the document")
    kubernetes.add_argument("--namespace", default="", help="default: that of whoever applies it")
    kubernetes.add_argument(
        "-o", "--output", metavar="DIR", default="-", help="a file for each; default: stdout"
    )
    kubernetes.add_argument("--strict", action="store_true", help="exit code 1 for any loss")
    kubernetes.set_defaults(run=_kubernetes)


def _kubernetes(chosen: argparse.Namespace) -> int:
    from .._exceptions import ConfigurationError
    from ..config import load_config
    from ..convert import export_kubernetes, to_yaml

    try:
        config = load_config(chosen.file)
        text = (config.origin.content or b"").decode("utf-8-sig")
        objects, findings = export_kubernetes(
            config, text, file=chosen.file, namespace=chosen.namespace
        )
        if chosen.output == "-":
            sys.stdout.write(to_yaml(*objects))
        else:
            _write(Path(chosen.output), {_title(each): to_yaml(each) for each in objects})
    except (OSError, ConfigurationError) as exc:
        return wrong(exc)
    return report(findings, strict=chosen.strict)


def _title(each: dict[str, Any]) -> str:
    return f"{each['kind'].lower()}-{each['metadata']['name']}.yaml"


def _write(directory: Path, texts: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_usage(sys.stderr)
    return 2
