"""
`python -m meshlib document`: the document that all processes follow, and its history.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config import DocumentStore

_EXIT_CODES = """\
exit codes:
  0    done; also when the document says so already
  1    the document is invalid, or there is no such document; nothing was changed
  2    the arguments are wrong
  3    the store did not answer, or refused
  4    somebody else has replaced the document meanwhile; nothing was changed
"""
_LOCATION = "a path, or etcd://HOST:PORT/KEY, etcds://, consul://HOST:PORT/KEY, consuls://"


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "document",
        help="read and replace the document that all processes follow",
        description="Reads, checks, replaces and puts back a configuration document in a file, "
        "etcd or Consul. Processes that watch it follow.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)

    def action(name: str, run: Callable[..., int], text: str) -> Any:
        made = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        made.add_argument("location", metavar="LOCATION", help=_LOCATION)
        made.add_argument(
            "--timeout", type=float, default=10.0, help="seconds to wait (%(default)s)"
        )
        made.set_defaults(run=lambda chosen: _guarded(run, chosen))
        return made

    get = action("get", _get, "write the document to stdout")
    get.add_argument("--number", type=int, help="one of the history")
    put = action("put", _put, "replace the document with a valid one")
    put.add_argument("file", metavar="FILE", help="the new document; - for stdin")
    put.add_argument(
        "--if-version", metavar="VERSION", help="only if that is what `history` says of it"
    )
    put.add_argument(
        "--unchecked", action="store_true", help="as one may need whose variables are set elsewhere"
    )
    action("history", _history, "list the documents that were replaced, and the one in force")
    back = action("rollback", _rollback, "put a document of the history again")
    back.add_argument(
        "number", type=int, nargs="?", help="default: the last that says something else"
    )
    back.add_argument("--unchecked", action="store_true", help="do not check it again")


def _guarded(run: Callable[..., int], chosen: argparse.Namespace) -> int:
    from .._exceptions import ConfigurationError, ConflictError, StoreError
    from ..config import DocumentStore
    from ..config.store import run_blocking, store_at

    def wait(function: Callable[..., Any], *args: Any) -> Any:
        return run_blocking(function, *args, timeout=chosen.timeout)

    try:
        key = store_at(chosen.location)
    except ConfigurationError as exc:
        return _failed(exc, 2)
    unchecked = getattr(chosen, "unchecked", False)
    store = DocumentStore(key, check=_anything if unchecked else None)
    try:
        return run(store, wait, chosen)
    except ConfigurationError as exc:
        return _failed(exc, 1)
    except ConflictError as exc:
        return _failed(exc, 4)
    except StoreError as exc:
        return _failed(exc, 3)
    except TimeoutError:
        return _failed(f"{key.location}: no answer in {chosen.timeout:g} s", 3)


def _get(store: DocumentStore, wait: Callable[..., Any], chosen: argparse.Namespace) -> int:
    if chosen.number is None:
        stored = wait(store.get)
        if stored is None:
            return _failed(f"{store.key.location}: there is no document", 1)
        content = stored.content
    else:
        found = [one for one in wait(store.history) if one.number == chosen.number]
        if not found:
            return _failed(f"{store.key.location}: the history has no {chosen.number}", 1)
        content = found[0].content
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


def _put(store: DocumentStore, wait: Callable[..., Any], chosen: argparse.Namespace) -> int:
    try:
        content = sys.stdin.buffer.read() if chosen.file == "-" else Path(chosen.file).read_bytes()
    except OSError as exc:
        return _failed(f"{chosen.file}: {exc.strerror or exc}", 2)

    async def put() -> bool:
        return await store.put(content, expected=_version(chosen.if_version))

    changed = wait(put)
    print(f"{store.key.location}: {'replaced' if changed else 'says so already'}")
    return 0


def _history(store: DocumentStore, wait: Callable[..., Any], _: argparse.Namespace) -> int:
    current, entries = wait(store.get), wait(store.history)
    for one in entries:
        print(f"{one.number:>6}  {len(one.content):>8} bytes  replaced {_when(one.replaced_at)}")
    if current is None:
        return _failed(f"{store.key.location}: there is no document", 1)
    print(f"{'now':>6}  {len(current.content):>8} bytes  version {current.version}")
    return 0


def _rollback(store: DocumentStore, wait: Callable[..., Any], chosen: argparse.Namespace) -> int:
    number = wait(store.rollback, chosen.number)
    print(f"{store.key.location}: says again what {number} of the history says")
    return 0


def _version(text: str | None) -> int | str | None:
    """A version as its store has it: a number, or the digest of a file."""
    if text is None:
        return None
    return int(text) if text.isdecimal() and len(text) < 20 else text


def _when(at: float | None) -> str:
    if at is None:
        return "at an unknown time"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _anything(_: bytes) -> None:
    """Let any content pass."""


def _failed(problem: object, code: int) -> int:
    print(f"meshlib document: {problem}", file=sys.stderr)
    return code
