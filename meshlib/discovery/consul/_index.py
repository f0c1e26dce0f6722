"""
The index that a blocking query begins with.
"""

from __future__ import annotations


class Cursor:
    """
    Follows the index of the answers, as the documentation of blocking queries asks.

    `index` goes with the next query; at 0 that is answered at once. `known` is False after
    an answer without an index, which cannot be waited on.

    https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details
    """

    __slots__ = ("index", "known")

    def __init__(self) -> None:
        self.index = 0
        self.known = True

    def reset(self) -> None:
        """Have the next query answered at once."""
        self.index = 0

    def advance(self, header: str | None, *, early: bool) -> None:
        """
        Take the `X-Consul-Index` of an answer; *early*: it came before the wait was over.

        A lower index than before is that of other data, such as a restored snapshot, of
        which the next changes have lower ones, too. An early answer with the same index
        has been abandoned by a server whose data was just replaced (`AbandonCh` in Consul
        1.8): it is the last one of the old data, and waiting on its index would miss the
        next changes until the wait is over.
        """
        new = _number(header)
        self.known = new is not None
        if new is None or new < self.index or (early and new == self.index != 0):
            self.index = 0
        else:
            # 0 would not wait, so a server that says it in error would be asked without end.
            self.index = max(new, 1)


def _number(header: str | None) -> int | None:
    """An unsigned number of 64 bits, as Consul has them."""
    if header is None or not header.isascii() or not header.isdigit() or len(header) > 20:
        return None
    return int(header)
