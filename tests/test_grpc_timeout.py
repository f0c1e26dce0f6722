"""The grpc-timeout header, against grpc-go's own table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib._grpc_timeout import (
    decode_grpc_timeout,
    decode_nanoseconds,
    encode_grpc_timeout,
    encode_nanoseconds,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "grpc_timeout.json").read_text())


@pytest.mark.parametrize(("nanoseconds", "text"), VECTORS["encode_ns"])
def test_encodes_as_published(nanoseconds: int, text: str) -> None:
    """Nanoseconds and seconds both become the published text."""
    assert text == encode_nanoseconds(nanoseconds)
    assert text == encode_grpc_timeout(nanoseconds / 1e9)


@pytest.mark.parametrize(("text", "nanoseconds"), VECTORS["decode_ns"])
def test_decodes_as_published(text: str, nanoseconds: int | None) -> None:
    """A published text becomes its nanoseconds, and what is malformed becomes None."""
    assert nanoseconds == decode_nanoseconds(text)
    assert (None if nanoseconds is None else nanoseconds / 1e9) == decode_grpc_timeout(text)


def test_vectors_are_complete() -> None:
    """All 31 published rows are there."""
    assert 31 == len(VECTORS["encode_ns"]) + len(VECTORS["decode_ns"])


@pytest.mark.parametrize("seconds", [0.0, -1.0, -0.0, float("nan"), float("-inf")])
def test_encodes_nothing_left_when_time_is_over(seconds: float) -> None:
    """No time, less than none, and no number are all written as 0n."""
    assert "0n" == encode_grpc_timeout(seconds)


@pytest.mark.parametrize("nanoseconds", [0, -1])
def test_encodes_nothing_left_when_no_nanosecond_is(nanoseconds: int) -> None:
    """Whole nanoseconds obey the same rule."""
    assert "0n" == encode_nanoseconds(nanoseconds)


def test_encodes_at_least_a_nanosecond_while_time_is_left() -> None:
    """A wait that is not over is never written as one that is."""
    assert "1n" == encode_grpc_timeout(1e-12)


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 2**63 / 1e9])
def test_clamps_to_64_bits_when_seconds_are_huge(seconds: float) -> None:
    """What 64 bits of nanoseconds cannot hold is written as what they can."""
    assert "2562048H" == encode_grpc_timeout(seconds)


def test_uses_all_eight_digits() -> None:
    """The finest unit is left only where it does not suffice."""
    assert "99999999n" == encode_nanoseconds(99_999_999)
    assert "100000u" == encode_nanoseconds(100_000_000)


def test_clamps_to_eight_digits_when_hours_do_not_fit() -> None:
    """There is no unit above hours."""
    assert "99999999H" == encode_nanoseconds(100_000_000 * 3_600_000_000_000)
    assert "99999999H" == encode_nanoseconds(99_999_999 * 3_600_000_000_000)


@pytest.mark.parametrize("text", ["\u0661S", "1S\n", " 1S", "1_0S", "+1S", "1.5S", "1 S"])
def test_decodes_only_ascii_digits(text: str) -> None:
    """What Python would take for a number is not one in a header."""
    assert decode_grpc_timeout(text) is None


@given(st.integers(1, 2**63 - 1))
@settings(deadline=None)
def test_round_trip_is_never_shorter(nanoseconds: int) -> None:
    """Rounding is upwards, and loses at most one part in 100,000."""
    text = encode_nanoseconds(nanoseconds)
    back = decode_nanoseconds(text)
    assert back is not None
    assert nanoseconds <= back <= nanoseconds * (1 + 1e-5) + 1
    assert len(text) <= 9


@given(st.text(max_size=12))
@settings(deadline=None)
def test_decoding_never_raises(text: str) -> None:
    """Any text is either a time or None."""
    seconds = decode_grpc_timeout(text)
    assert seconds is None or seconds >= 0
