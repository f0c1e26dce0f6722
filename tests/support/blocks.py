"""
Runs the code of a Markdown page, block by block and in one namespace, as a reader would.

* A block of `python` is run; `await` at its top level works, on asyncio.
* A block with a title, as in ```` ```yaml title="mesh.yaml" ````, is first written to a file
  of that name in the current directory; the blocks after it may read it. YAML, JSON and
  TOML titled `mesh...` must be a valid configuration.
* `<!-- run` opens a comment of code that readers need not see, `-->` closes it. What a page
  needs around it stands there, such as a server, and so do its assertions.
* `<!-- skip: reason -->` before a block leaves it to the reader; the reason is required.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OPENING = re.compile(r"(?P<indent> *)(?P<fence>```+|~~~+) *(?P<language>[\w+-]*)(?P<info>.*)")
_TITLE = re.compile(r'title="([^"]+)"')
_SKIP = re.compile(r"<!-- skip: \S.* -->")


@dataclass(frozen=True)
class Block:
    """One block of a page; *line* is that of its first line of code, counted from 1."""

    language: str
    title: str
    text: str
    line: int
    skipped: bool


def blocks(page: str) -> Iterator[Block]:
    """The blocks of the text of a page, hidden ones included, in order."""
    lines = iter(enumerate(page.splitlines(), 1))
    skipped = False
    for number, line in lines:
        opening = _OPENING.fullmatch(line)
        if line.strip() == "<!-- run":
            yield Block("python", "", _until(lines, "-->", 0), number + 1, False)
        elif opening:
            text = _until(lines, opening["fence"], len(opening["indent"]))
            title = _TITLE.search(opening["info"])
            yield Block(opening["language"], title[1] if title else "", text, number + 1, skipped)
        if line.strip():
            skipped = bool(_SKIP.fullmatch(line.strip()))


def _until(lines: Iterator[tuple[int, str]], end: str, indent: int) -> str:
    taken: list[str] = []
    for _, line in lines:
        if line.strip() == end:
            return "\n".join(taken) + "\n"
        taken.append(line[indent:])
    raise ValueError(f"a block is not closed by {end}")


def run_page(path: Path) -> int:
    """Run the blocks of the page at *path* in the current directory; how many were run."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    with asyncio.Runner() as runner:
        for block in blocks(path.read_text(encoding="utf-8")):
            if block.skipped:
                continue
            if block.title:
                Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                Path(block.title).write_text(block.text, encoding="utf-8")
            if block.language == "python":
                _run(block, path, namespace, runner)
            elif Path(block.title).name.startswith("mesh"):
                _load(block, path)
            else:
                continue
            count += 1
    return count


def _run(block: Block, path: Path, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    # Empty lines before it give the code the line numbers of the page, in every traceback.
    source = "\n" * (block.line - 1) + block.text
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, str(path), "exec", flags=flags, dont_inherit=True)
    result = eval(code, namespace)
    if inspect.iscoroutine(result):
        runner.run(result)


def _load(block: Block, path: Path) -> None:
    from meshlib.config import load_config

    try:
        load_config(block.title)
    except Exception as exc:
        exc.add_note(f"in {path}, line {block.line}")
        raise
