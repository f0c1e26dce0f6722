"""
What an answer that failed tells its caller, from service to service.

`x-meshlib-faults` names what was injected on its way, `<service>/<rule>` each, so that a
fault which is injected far below is known by name above. `x-meshlib-retries: spent` says
that whoever answered has tried again already: services that each try three times would
otherwise call the last one of a chain of three 27 times. A server gives both to those
whom it trusts, and a client takes them out of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

FAULTS = "x-meshlib-faults"
RETRIES = "x-meshlib-retries"
SPENT = "spent"
MOST_FAULTS = 8
"""Names that one answer has; of more the later ones are left out."""

_LONGEST = 64
_LONGEST_HEADER = 2048
_NAME = re.compile(r"[A-Za-z0-9._~%+-]{1,64}/[A-Za-z0-9._~%+-]{1,64}")


class Marks:
    """
    What is known so far of the calls made for one request.

    *faults* are the names of what was injected, and *spent* is whether a call was tried
    again in vain. May be used by several threads; of what two of them add at the same
    instant one may be lost, which is little beside a lock for each request.
    """

    # One is made for every request and filled for few, so that nothing is set at first.
    faults: tuple[str, ...] = ()
    """Each name once, the first first."""
    spent = False

    def add(self, names: Iterable[str]) -> None:
        """Keep *names*, as far as there is room."""
        self.faults = tuple(dict.fromkeys((*self.faults, *names)))[:MOST_FAULTS]


def fault_name(service: str, rule: str) -> str:
    """How the fault *rule* that the process called *service* has injected is called elsewhere."""
    return f"{_escaped(service)}/{_escaped(rule)}"


def write_faults(names: Iterable[str]) -> bytes:
    """The header that tells of *names*."""
    return ",".join(names).encode("ascii")


def read_faults(value: str | None) -> tuple[str, ...]:
    """The names in a header; what is none is left out. Never raises."""
    if not value or len(value) > _LONGEST_HEADER:
        return ()
    names = (name.strip(" \t") for name in value.split(","))
    found = dict.fromkeys(name for name in names if _NAME.fullmatch(name))
    return tuple(found)[:MOST_FAULTS]


def _escaped(text: str) -> str:
    return quote(text, safe="+")[:_LONGEST] or "-"
