"""
What could not be carried over, told so that a person can act upon it.
"""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """
    One thing that a conversion could not carry over as it is.

    *lost* things have no counterpart. The others were carried over, and do not mean quite
    the same: their *why* says what differs.
    """

    file: str
    what: str
    """Kind and name of the object, or the section of the document."""
    path: str
    """The field, as `spec.http[0].corsPolicy`."""
    why: str
    nearest: str = ""
    """What comes closest."""
    lost: bool = True

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.what, self.path) if part)
        told = "not carried over" if self.lost else "carried over with another meaning"
        return f"{where}: {told}: {self.why}" + (f"; {self.nearest}" if self.nearest else "")
