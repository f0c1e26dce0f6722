"""How a header of proxies is taken apart."""

from __future__ import annotations

import pytest

from meshlib.inbound._forwarded import forwarded_for, parse_address
from meshlib.inbound._headers import FORWARDED, FORWARDED_FOR


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" 10.0.0.1 ", "10.0.0.1"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("[::1]", "::1"),
        ("[fe80::1%eth0]:80", "fe80::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("010.0.0.1", None),
        ("10.0.0", None),
        ("1" * 65, None),
        ("\u0661.0.0.1", None),
    ],
)
def test_parse_address(text: str, address: str | None) -> None:
    """With or without a port; an IPv4 address has one form."""
    found = parse_address(text)
    assert address == (None if found is None else str(found))


def test_from_the_right() -> None:
    """The last proxy's word comes first."""
    assert ["b", "a"] == list(forwarded_for(FORWARDED_FOR, b"a, b"))
    assert ["b", "", "a"] == list(forwarded_for(FORWARDED, b"for=a, by=x, by=y;for=b"))
