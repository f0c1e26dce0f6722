"""
What the audience sees: lines of text, and on a terminal with rich a table that moves.

The lines are the same everywhere, so a log of a demo can be read; the table stands below
them and is gone at the end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from .board import Board, Figures, quantile
from .phases import Phase
from .replicas import SERVICES, Replicas

if TYPE_CHECKING:
    from .story import Outcome

_HEAD = ("replica", "breaker", "attempts", "failed", "p50", "p99")


def milliseconds(seconds: float) -> str:
    """`4.2 ms`."""
    return f"{seconds * 1e3:.1f} ms"


def percent(share: float) -> str:
    """`99.87 %`, and never 100 for less."""
    return f"{int(share * 1e4) / 1e2:.2f} %"


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines of equal columns, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


class View:
    """Writes the lines to *out*. Thread-safe."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watching(self, board: Board) -> Iterator[None]:
        """Whatever is shown of *board* while it fills."""
        yield

    def write(self, text: str = "") -> None:
        """One line."""
        with self._lock:
            self._out.write(f"{text}\n")
            self._out.flush()

    def say(self, text: str) -> None:
        """What was done, or what the mesh did about it."""
        self.write(f"    {text}")

    def started(self, replicas: Replicas) -> None:
        """The processes run."""
        self.write("Five server processes of three services run on this machine:")
        for service in SERVICES:
            of = (f"{one.name} (process {one.pid}, {one.url})" for one in replicas.of(service))
            self.write(f"  {service}: {', '.join(of)}")

    def opened(self, number: int, phase: Phase, total: int) -> None:
        """A phase begins."""
        self.write()
        self.write(f"{number}/{total} {phase.name}: {phase.title}")

    def playing(self, way: str) -> None:
        """The requests of a phase are sent this way now."""
        self.write(f"  through {way}")

    def survived(self, board: Board) -> None:
        """What the mesh did in a phase."""
        counts = board.counts
        kinds = [
            f"{number} after {kind.removeprefix('retries after ')}"
            for kind, number in sorted(counts.items())
            if kind.startswith("retries after ")
        ]
        refused = [
            f"{number} not retried: {kind.removeprefix('no retry: ')}"
            for kind, number in sorted(counts.items())
            if kind.startswith("no retry: ")
        ]
        retries = f"{counts['retries']} retries" + (f" ({', '.join(kinds)})" if kinds else "")
        did = [retries, f"{counts['hedges']} hedges", *refused]
        self.say(f"the mesh: {'; '.join(did)}")
        for line in columns([_HEAD, *endpoint_rows(board)]):
            self.say(line)

    def closed(self, phase: Phase, ours: Figures, plain: Figures) -> None:
        """A phase is over, both ways."""
        for name, of in (("meshlib", ours), ("httpx", plain)):
            self.write(
                f"  {name:8} {of.requests} requests, {of.lost} lost, "
                f"p50 {milliseconds(of.p50)}, p99 {milliseconds(of.p99)}"
            )

    def ended(self, outcome: Outcome) -> None:
        """The figures of the whole story."""
        ours, theirs = outcome.ways
        self.write()
        rows: list[tuple[str, ...]] = [("phase", "meshlib", "httpx", "meshlib p99", "httpx p99")]
        for name, mine in ours.by_phase.items():
            plain = theirs.by_phase[name]
            shares = (percent(mine.success_rate), percent(plain.success_rate))
            rows.append((name, *shares, milliseconds(mine.p99), milliseconds(plain.p99)))
        for line in columns(rows):
            self.write(line)
        self.write()
        head = ("", "requests", "success", "p50", "p99", "retries", "hedges", "lost", "savable")
        total: list[tuple[str, ...]] = [head]
        for way, of in zip(outcome.ways, outcome.total, strict=True):
            numbers = (of.retries, of.hedges, of.lost, of.should_have_been_saved)
            times = (percent(of.success_rate), milliseconds(of.p50), milliseconds(of.p99))
            total.append((way.name, str(of.requests), *times, *map(str, numbers)))
        for line in columns(total):
            self.write(line)
        self.write()
        self.write(
            "lost: an error, a 429 or a 5xx for the caller. savable: those among them that could "
            "be sent again,\nwhile a replica of their service was healthy and the retry budget "
            "allowed it."
        )
        for record in outcome.lost[:10]:
            order = record.order
            self.write(
                f"LOST: {order.method} http://{order.service}{order.path}: "
                f"{record.status or repr(record.error)}"
            )
        self.write(
            f"The mesh lost {len(outcome.lost)} requests that it should have saved."
            if outcome.lost
            else "The mesh lost no request that it should have saved."
        )


def endpoint_rows(board: Board) -> list[tuple[str, ...]]:
    """One row of text for each replica: what the mesh has seen of it in this phase."""
    return [
        (
            name,
            line.state,
            str(line.attempts),
            str(line.failures),
            milliseconds(quantile(elapsed, 0.5)),
            milliseconds(quantile(elapsed, 0.99)),
        )
        for name, line, elapsed in board.rows()
    ]


class LiveView(View):
    """Writes the same lines above a table that is drawn again eight times a second."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        from rich.console import Console

        self._console = Console(file=out, highlight=False)
        self._doing = ""

    def write(self, text: str = "") -> None:
        """One line, above the table."""
        from rich.text import Text

        self._console.print(Text(text), soft_wrap=True)

    def playing(self, way: str) -> None:
        """The requests of a phase are sent this way now."""
        super().playing(way)
        self._doing = way

    @contextlib.contextmanager
    def watching(self, board: Board) -> Iterator[None]:
        """The table of *board*, until the block ends."""
        from rich.live import Live

        with Live(
            get_renderable=lambda: self._table(board),
            console=self._console,
            refresh_per_second=8,
            transient=True,
        ):
            yield

    def _table(self, board: Board) -> Any:
        from rich.table import Table
        from rich.text import Text

        colours = {"closed": "green", "open": "red", "half_open": "yellow"}
        counts = board.counts
        table = Table(
            title=f"the mesh in this phase; now through {self._doing}",
            caption=f"{counts['retries']} retries, {counts['hedges']} hedges in this phase",
        )
        for number, name in enumerate(_HEAD):
            table.add_column(name, justify="right" if number > 1 else "left", min_width=9)
        for name, state, *numbers in endpoint_rows(board):
            table.add_row(name, Text(state, colours.get(state, "magenta")), *numbers)
        return table
