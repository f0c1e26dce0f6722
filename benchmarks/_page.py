"""
The tables and plots of a report within a page of the documentation, between two comments:

    <!-- figures: sidecar -->
    anything, which is replaced
    <!-- end of figures -->

The word is the name of a benchmark, or `machine`. What a report does not have stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from _plots import Plot
from _report import Table, markdown

PLACE = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def fill(page: Path, parts: Mapping[str, str]) -> list[str]:
    """Put *parts* into their places in *page*; the names of places that got nothing."""
    text = page.read_text("utf-8")
    empty = []

    def filled(place: re.Match[str]) -> str:
        begin, name, end = place.groups()
        if name not in parts:
            empty.append(name)
            return place[0]
        return f"{begin}\n{parts[name]}\n\n{end}"

    page.write_text(PLACE.sub(filled, text), "utf-8")
    return empty


def part(tables: Sequence[Table], plots: Sequence[Plot], folder: Path, page: Path) -> str:
    """The figures of one benchmark in Markdown; *folder* is where its plots are."""
    near = os.path.relpath(folder, page.parent).replace(os.sep, "/")
    pictures = [f"![{plot.title}]({near}/{plot.name}.svg)" for plot in plots]
    return "\n\n".join([markdown(tables), *pictures])


def printed(said: str) -> str:
    """What a benchmark without tables has printed."""
    return f"```text\n{said.strip()}\n```"
