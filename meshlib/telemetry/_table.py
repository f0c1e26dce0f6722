"""
Columns of text.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence


def render(rows: Sequence[Sequence[str]], left: Container[int]) -> Iterator[str]:
    """
    The *rows* as lines whose columns are aligned, two spaces apart.

    Columns whose index is in *left* begin at the same place, the others end there.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if index in left else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
