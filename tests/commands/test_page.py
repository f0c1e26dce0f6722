"""The page about the command line names every command and option."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from meshlib.__main__ import _parser
from support.source import ROOT

PAGE = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by its name."""
    (action,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def test_every_command_is_on_the_page() -> None:
    """In the order of the help."""
    shown = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    found = [name for name in shown if not name.startswith("-")]

    assert list(commands()) == found


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Itself, and those of its own sub-commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def test_every_option_is_on_the_page() -> None:
    """Of the commands that have a section there, and of what these are divided into."""
    sections = PAGE.split("\n## ")[1:]
    described = {section.splitlines()[0]: section for section in sections}
    for name in ("validate", "lint", "explain", "schema", "chaos"):
        for parser in parsers(commands()[name]):
            for option in (each for action in parser._actions for each in action.option_strings):
                assert f"`{option}" in described[name] or option in ("-h", "--help"), option


def test_every_action_of_chaos_is_on_the_page() -> None:
    """With its usage."""
    _, *actions = parsers(commands()["chaos"])
    for parser in actions:
        assert f"`meshlib chaos {parser.prog.split()[-1]} " in PAGE
