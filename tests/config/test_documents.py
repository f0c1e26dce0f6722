"""A document in a store, and the ones that it replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, ConflictError
from meshlib.config import DocumentStore
from meshlib.config.store import FileStore, MemoryStore, StoreKey, Version


def document(name: str) -> bytes:
    """A valid document."""
    return f"name: {name}\n".encode()


@pytest.fixture(params=["memory", "file"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> DocumentStore:
    """The document in a store of either kind."""
    store = MemoryStore() if request.param == "memory" else FileStore(tmp_path)
    return DocumentStore(StoreKey(store, "mesh.yaml"), wall_clock=lambda: 1_800_000_000.0)


async def contents(documents: DocumentStore) -> list[bytes]:
    """The history, and the document after it."""
    current = await documents.get()
    assert current is not None
    return [*(one.content for one in await documents.history()), current.content]


async def test_what_is_replaced_is_kept(documents: DocumentStore) -> None:
    """With its number, and the time."""
    assert () == await documents.history()
    assert await documents.get() is None
    for name in ("one", "two", "three"):
        assert await documents.put(document(name))
    assert [document(name) for name in ("one", "two", "three")] == await contents(documents)
    assert [1, 2] == [one.number for one in await documents.history()]
    assert {1_800_000_000.0} == {one.replaced_at for one in await documents.history()}


async def test_the_same_again_is_no_change(documents: DocumentStore) -> None:
    """Nothing is written, so nobody follows it."""
    assert await documents.put(document("one"))
    assert not await documents.put(document("one"))
    assert [document("one")] == await contents(documents)


async def test_an_invalid_document_is_not_put(documents: DocumentStore) -> None:
    """The error names the document, and the line."""
    await documents.put(document("one"))
    with pytest.raises(ConfigurationError, match=r"mesh\.yaml:2: .*nme") as caught:
        await documents.put(b"outside: deny\nnme: two\n")
    assert "nme" == caught.value.path
    assert [document("one")] == await contents(documents)


async def test_twenty_are_kept(documents: DocumentStore) -> None:
    """The oldest leave, and numbers go on."""
    for number in range(25):
        await documents.put(document(f"n{number}"))
    history = await documents.history()
    assert list(range(5, 25)) == [one.number for one in history]
    assert document("n4") == history[0].content


async def test_rollback_goes_to_the_last_that_says_something_else(
    documents: DocumentStore,
) -> None:
    """Which keeps what it replaces, so that it can be undone the same way."""
    await documents.put(document("one"))
    await documents.put(document("two"))
    assert 1 == await documents.rollback()
    assert [document(name) for name in ("one", "two", "one")] == await contents(documents)
    assert 2 == await documents.rollback()
    assert document("two") == (await contents(documents))[-1]
    assert 1 == await documents.rollback(1)
    assert document("one") == (await contents(documents))[-1]


async def test_rollback_to_nothing_is_an_error(documents: DocumentStore) -> None:
    """It says what there is."""
    with pytest.raises(ConfigurationError, match="there are none"):
        await documents.rollback()
    await documents.put(document("one"))
    await documents.put(document("two"))
    with pytest.raises(ConfigurationError, match="there are 1"):
        await documents.rollback(7)


async def test_a_document_that_was_deleted_is_put_back(documents: DocumentStore) -> None:
    """The history outlives it."""
    await documents.put(document("one"))
    await documents.put(document("two"))
    await documents.key.delete()
    assert 1 == await documents.rollback()
    assert [document("one")] * 2 == await contents(documents)


async def test_a_history_written_by_hand_is_read(documents: DocumentStore) -> None:
    """Without a line that says when, or with one that is wrong, and other things beside it."""
    for suffix, content in (
        ("1", b"name: a"),
        ("2", b"# meshlib: replaced yesterday\nname: b"),
        ("notes", b"x"),
    ):
        assert await documents.key.beside(f".history/{suffix}").compare_and_set(content, None)
    found = await documents.history()
    assert [(1, b"name: a", None), (2, b"# meshlib: replaced yesterday\nname: b", None)] == [
        (one.number, one.content, one.replaced_at) for one in found
    ]


class Contended(MemoryStore):
    """A store where somebody else is quicker, *times* times, also in the *history*."""

    def __init__(self, times: int, *, history: bool) -> None:
        super().__init__()
        self.times = times
        self.history = history

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """First let the other one write, what we want to."""
        if self.times and (self.history or "history" not in key):
            self.times -= 1
            now: Any = self._contents.get(key)
            other = b"name: other%d" % self.times
            await super().compare_and_set(key, other, None if now is None else now.version)
        return await super().compare_and_set(key, content, version)


async def test_somebody_elses_document_is_not_lost(tmp_path: Path) -> None:
    """Whoever is late replaces the newer one, which is then in the history."""
    store = Contended(0, history=True)
    documents = DocumentStore(StoreKey(store, "mesh.yaml"))
    await documents.put(document("one"))
    store.times = 2  # the number in the history, and the document itself
    assert await documents.put(document("two"))
    told = await contents(documents)
    assert b"name: other0" in told
    assert document("two") == told[-1]


async def test_an_expected_version_is_the_only_one_replaced(documents: DocumentStore) -> None:
    """Anything else is a conflict, and nothing is written."""
    with pytest.raises(ConflictError):
        await documents.put(document("one"), expected="never")
    await documents.put(document("one"))
    stored = await documents.get()
    assert stored is not None
    assert await documents.put(document("two"), expected=stored.version)
    with pytest.raises(ConflictError, match=r"mesh\.yaml: somebody else"):
        await documents.put(document("three"), expected=stored.version)
    assert [document("one"), document("two")] == await contents(documents)


async def test_an_endless_race_is_given_up(tmp_path: Path) -> None:
    """And the copies that were made for it are gone."""
    store = Contended(1000, history=False)
    documents = DocumentStore(StoreKey(store, "mesh.yaml"))
    with pytest.raises(ConflictError):
        await documents.put(document("one"))
    assert all(one.content.startswith(b"name: other") for one in await documents.history())


async def test_an_entry_that_vanishes_is_left_out(tmp_path: Path) -> None:
    """Somebody may make room between two reads."""

    class Vanishing(MemoryStore):
        async def get(self, key: str) -> Any:
            return None if key.endswith("/1") else await super().get(key)

    documents = DocumentStore(StoreKey(Vanishing(), "mesh.yaml"))
    for name in ("one", "two", "three"):
        await documents.put(document(name))
    assert [2] == [one.number for one in await documents.history()]
