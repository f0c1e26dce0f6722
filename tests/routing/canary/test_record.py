"""What is written into a store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.routing.canary import (
    CanaryRecord,
    CanaryState,
    Counts,
    Progress,
    Report,
    format_record,
    parse_record,
)
from meshlib.routing.canary._sequential import ODDS

whole = st.integers(0, 2**53)
real = st.floats(-1e15, 1e15)
counts = st.builds(Counts, whole, whole, whole)
evidence = st.tuples(*[real] * len(ODDS))
reports = st.builds(Report, counts, counts, evidence, evidence)
texts = st.text(st.characters(exclude_categories=["Cs"]))
records = st.builds(
    CanaryRecord,
    generation=whole,
    progress=st.builds(
        Progress,
        state=st.sampled_from(CanaryState),
        revision=texts,
        weight=st.floats(0, 1),
        checked_at=real,
        failed=whole,
        inconclusive=whole,
        paused_in=st.sampled_from(CanaryState),
        suspended=st.booleans(),
        reason=texts,
    ),
    holder=texts,
    expires_at=real,
    check=reports,
    rollout=reports,
    former=st.lists(texts).map(tuple),
)
GOOD = json.loads(format_record(CanaryRecord()))


@given(records)
def test_reads_what_it_wrote(record: CanaryRecord) -> None:
    """Every number to its last digit."""
    assert record == parse_record(format_record(record))


def test_a_record_is_small() -> None:
    """It fits a store that takes a few hundred kilobytes, with room for hundreds."""
    assert len(format_record(CanaryRecord())) < 1000


def test_further_keys_are_left_out() -> None:
    """A later version may add some."""
    assert CanaryRecord() == parse_record(json.dumps({**GOOD, "further": 1}).encode())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"format": 2}, "format"),
        ({"format": True}, "format"),
        ({"generation": -1}, "generation"),
        ({"generation": 1.5}, "generation"),
        ({"state": "flying"}, "state"),
        ({"state": 3}, "state"),
        ({"weight": 1.5}, "weight"),
        ({"weight": "0.5"}, "weight"),
        ({"weight": True}, "weight"),
        ({"checked_at": 10**400}, "checked_at"),
        ({"expires_at": None}, "expires_at"),
        ({"suspended": 1}, "suspended"),
        ({"revision": ["v2"]}, "revision"),
        ({"revision": {"v": 2}}, "revision"),
        ({"generation": 10**400}, "generation"),
        ({"former": "v1"}, "former"),
        ({"former": ["v1", 2]}, "former"),
        ({"check": []}, "check"),
        ({"check": {**GOOD["check"], "canary": 1}}, "check.canary"),
        ({"rollout": {**GOOD["rollout"], "failures": [0.0]}}, "rollout.failures"),
        ({"rollout": {**GOOD["rollout"], "slowness": ["x" * 99] * 7}}, "rollout.slowness"),
    ],
)
def test_says_where_a_record_is_wrong(change: dict[str, Any], path: str) -> None:
    """The error names the key."""
    with pytest.raises(ConfigurationError, match="in the canary's record") as caught:
        parse_record(json.dumps({**GOOD, **change}).encode())
    assert path == caught.value.path


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b'"' + b"x" * 99 + b'"',
        b"[" * 100_000,
        b"{",
        b'{"format":NaN}',
        b"9" * 5000,
        format_record(CanaryRecord()).replace(b'"expires_at":0.0', b'"expires_at":Infinity'),
        format_record(CanaryRecord()).replace(b'"expires_at":0.0', b'"expires_at":NaN'),
    ],
)
def test_what_is_no_record_is_an_error_of_its_own(content: bytes) -> None:
    """Whatever somebody wrote under the key, nothing else is raised."""
    with pytest.raises(ConfigurationError):
        parse_record(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def mutate(document: Any, path: list[int], value: Any) -> Any:
    """Put *value* somewhere into a copy of the document."""
    if not path or not isinstance(document, dict | list) or not document:
        return value
    if isinstance(document, list):
        place = path[0] % len(document)
        return [
            mutate(each, path[1:], value) if i == place else each for i, each in enumerate(document)
        ]
    key = list(document)[path[0] % len(document)]
    return {**document, key: mutate(document[key], path[1:], value)}


@given(st.lists(st.integers(0, 20), min_size=1, max_size=4), json_values)
def test_mutated_records_are_read_or_refused(path: list[int], value: Any) -> None:
    """A record, or an error that says what is wrong with it."""
    content = json.dumps(mutate(GOOD, path, value)).encode("utf-8", "surrogatepass")
    try:
        found = parse_record(content)
    except ConfigurationError:
        return
    assert found == parse_record(format_record(found))


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No bytes raise anything else."""
    with pytest.raises(ConfigurationError):
        parse_record(content)


def test_a_share_is_for_one_revision() -> None:
    """A process that knows of another canary sends it nothing."""
    record = CanaryRecord(progress=Progress(revision="v2", weight=0.3))
    assert (0.3, 0.0) == (record.share_of("v2"), record.share_of("v3"))
