"""What failed answers tell their callers, as it is written and read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshlib._marks import MOST_FAULTS, Marks, fault_name, read_faults, write_faults


@given(st.lists(st.tuples(st.text(), st.text()), max_size=MOST_FAULTS, unique=True))
def test_names_are_read_as_they_were_written(parts: list[tuple[str, str]]) -> None:
    """Whatever services and rules are called."""
    names = dict.fromkeys(fault_name(service, rule) for service, rule in parts)
    assert tuple(names) == read_faults(write_faults(names).decode("ascii"))


@given(st.one_of(st.none(), st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_reading_never_raises(value: str | None) -> None:
    """What anybody sends becomes a few short names in visible ASCII, or none."""
    found = read_faults(value)
    assert len(found) <= MOST_FAULTS
    assert all(len(name) <= 129 and name.isascii() and name.isprintable() for name in found)


def test_a_name_says_who_and_what() -> None:
    """The rules of one fault are joined by a plus, which stays readable."""
    assert "stock/slow+broken" == fault_name("stock", "slow+broken")
    assert "a%2Fb/c%2C%20d" == fault_name("a/b", "c, d")


def test_what_is_no_name_is_left_out() -> None:
    """The others count; one that comes twice counts once, and a header too long not at all."""
    assert ("a/b", "c/d") == read_faults("a/b, nothing,c/d ,a/b,\n/x,e/")
    assert () == read_faults(",".join(f"service/{n:0100}" for n in range(30)))


def test_marks_are_bounded() -> None:
    """A request that makes a thousand calls tells of the first few faults."""
    marks = Marks()
    marks.add(f"a/{n}" for n in range(1000))
    marks.add(["a/0"])
    assert tuple(f"a/{n}" for n in range(MOST_FAULTS)) == marks.faults
