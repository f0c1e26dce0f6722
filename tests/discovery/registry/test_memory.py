"""What is known while the registry has lost its database."""

from __future__ import annotations

from meshlib import Endpoint
from meshlib.discovery.registry._memory import Memory
from meshlib.discovery.registry._parse import Answer

A, B, C = (Endpoint(f"http://{name}:80") for name in "abc")


def answer(epoch: str, *endpoints: Endpoint) -> Answer:
    """What the database *epoch* says."""
    return Answer(epoch, f"{epoch}.1.0", endpoints)


def test_the_last_list_counts() -> None:
    """Also when it is empty, as long as the database is the same."""
    memory = Memory().after(answer("x", A, B), 0.0, 30.0)
    assert (A, B) == memory.view(0.0)
    assert () == memory.after(answer("x"), 1.0, 30.0).view(1.0)


def test_an_empty_database_is_not_believed_at_first() -> None:
    """Those that it lost have time to register again."""
    memory = Memory().after(answer("x", A, B), 0.0, 30.0).after(answer("y"), 100.0, 30.0)
    assert (A, B) == memory.view(129.9)
    assert () == memory.view(130.0)


def test_who_registers_again_is_not_held_twice() -> None:
    """Its new endpoint stands for the old one, and its leaving counts at once."""
    memory = Memory().after(answer("x", A, B), 0.0, 30.0).after(answer("y"), 100.0, 30.0)
    heavier = Endpoint("http://a:80", weight=3.0)
    memory = memory.after(answer("y", heavier, C), 101.0, 30.0)
    assert (heavier, C, B) == memory.view(101.0)
    memory = memory.after(answer("y", C), 102.0, 30.0)
    assert (C, B) == memory.view(102.0)
    assert (C,) == memory.view(130.0)


def test_a_database_lost_twice_keeps_what_was_there_before_both() -> None:
    """The time begins anew, for those who were still counted."""
    memory = Memory().after(answer("x", A, B), 0.0, 30.0).after(answer("y", A), 100.0, 30.0)
    memory = memory.after(answer("z"), 120.0, 30.0)
    assert (A, B) == memory.view(149.0)
    assert () == memory.view(150.0)


def test_without_grace_every_list_counts() -> None:
    """Zero seconds switch it off."""
    memory = Memory().after(answer("x", A), 0.0, 0.0).after(answer("y"), 1.0, 0.0)
    assert () == memory.view(1.0)
