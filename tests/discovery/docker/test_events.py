"""What the daemon tells as it happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.docker._events import Happening, Lines, MalformedError, parse_event

# As dockerd 20.10.24 sent them, shortened.
STARTED = {
    "status": "start",
    "id": "05603a72108b",
    "from": "meshlib/busybox:test",
    "Type": "container",
    "Action": "start",
    "Actor": {
        "ID": "05603a72108b",
        "Attributes": {"image": "meshlib/busybox:test", "meshlib.service": "users", "name": "a"},
    },
    "scope": "local",
    "time": 1795259437,
    "timeNano": 1795259437234667557,
}
CONNECTED = {
    "Type": "network",
    "Action": "connect",
    "Actor": {
        "ID": "ce7fd54d177e",
        "Attributes": {"container": "05603a72108b", "name": "back", "type": "bridge"},
    },
}


def event(document: Any) -> Happening | None:
    """What *document* tells."""
    return parse_event(json.dumps(document).encode())


def test_events_of_containers_tell_their_labels() -> None:
    """They are among the attributes."""
    happening = event(STARTED)
    assert happening is not None
    assert "05603a72108b" == happening.id
    assert happening.labels is not None
    assert "users" == happening.labels["meshlib.service"]


def test_events_of_networks_tell_the_container_alone() -> None:
    """Its labels are not known from them."""
    assert Happening("05603a72108b", None) == event(CONNECTED)


@pytest.mark.parametrize(
    "document",
    [
        {"Type": "network", "Actor": {"ID": "a", "Attributes": {}}},
        {"Type": "image", "Actor": {"ID": "a", "Attributes": None}},
        {"Type": "container", "Actor": {"ID": "", "Attributes": None}},
    ],
)
def test_other_events_are_passed_over(document: Any) -> None:
    """They concern no container."""
    assert event(document) is None


@pytest.mark.parametrize("line", [b"{", b"[]", b"1", b"{}", b'{"Type": "container"}', b"\xff"])
def test_what_is_no_event_is_an_error(line: bytes) -> None:
    """An answer of something else than a daemon is not taken for silence."""
    with pytest.raises(MalformedError, match="an event is needed"):
        parse_event(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["Type", "Actor", "ID", "Attributes", "container", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_line_is_an_event_or_an_error(document: Any) -> None:
    """Nothing else is raised."""
    try:
        happening = event(document)
    except MalformedError:
        return
    assert happening is None or happening.id


@given(st.lists(st.binary(max_size=6)), st.integers(1, 7))
def test_lines_are_the_same_however_they_are_cut(parts: list[bytes], size: int) -> None:
    """Chunks of any size give the lines that end in them."""
    content = b"\n".join(parts)
    lines = Lines()
    found = [
        line for n in range(0, len(content), size) for line in lines.feed(content[n : n + size])
    ]
    assert [line for line in content.split(b"\n")[:-1] if line.strip()] == found


def test_a_line_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory."""
    monkeypatch.setattr("meshlib.discovery.docker._events._LONGEST", 10)
    lines = Lines()
    assert [b"a"] == lines.feed(b"a\n123456789")
    with pytest.raises(MalformedError, match="at most 10 bytes"):
        lines.feed(b"01")
