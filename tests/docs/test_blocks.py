"""Every block of code in the documentation runs."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from support.blocks import blocks, run_page
from support.source import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("real_sleep")
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run in order, from an empty directory; what they set is taken back."""
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ):
        run_page(page)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page to write to, in the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "page.md"


def test_blocks_share_names_and_files(page: Path) -> None:
    """A block sees the names, the files and the hidden code before it, and may await."""
    page.write_text(
        """
<!-- run
number = 20
-->
Text.
1. An item

   ```python
   import asyncio
   number += await asyncio.sleep(0, 1)
   ```
```yaml title="other/a.yaml"
a: 1
```
```python
from pathlib import Path
Path("found").write_text(f"{number} {Path('other/a.yaml').read_text()}")
```
```sh
exit 1
```
"""
    )
    assert 3 == run_page(page)
    assert "21 a: 1\n" == Path("found").read_text()


def test_an_error_names_its_line(page: Path) -> None:
    """The traceback of a failing block points into the page."""
    page.write_text("# Title\n\n```python\nnumber = 1\nnumber / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as error:
        run_page(page)
    assert (page, 5) == (Path(error.traceback[-1].path), error.traceback[-1].lineno + 1)


def test_an_invalid_configuration_fails(page: Path) -> None:
    """A document that is shown as one of ours is one that loads."""
    page.write_text('```yaml title="mesh.yaml"\nservicse: {}\n```\n')
    with pytest.raises(ValueError, match="servicse"):
        run_page(page)


def test_a_block_is_skipped_for_a_reason_only(page: Path) -> None:
    """A comment with a reason skips the next block, one without a reason does not."""
    empty = "```python\n```\n"
    page.write_text(f"<!-- skip: needs a cluster -->\n\n{empty}{empty}<!-- skip: -->\n{empty}")
    assert [True, False, False] == [block.skipped for block in blocks(page.read_text())]


def test_an_open_block_fails() -> None:
    """A fence that is not closed would hide the rest of the page."""
    with pytest.raises(ValueError, match="not closed"):
        list(blocks("```python\n"))
