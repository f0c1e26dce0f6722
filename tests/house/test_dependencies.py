"""What the package imports is what it says it depends on."""

from __future__ import annotations

import re
import sys
import tomllib

from support.source import ROOT, modules

IMPORT_NAMES = {"opentelemetry-api": "opentelemetry", "PyYAML": "yaml"}
"""Where a distribution and its import are called differently."""

OPTIONAL = {
    "aiohttp": "the extra aiohttp",
    "dns": "the extra dns",
    "dotenv": "the extra compose",
    "fastapi": "integrations for those who have it",
    "cryptography": "the extra tls",
    "flask": "integrations for those who have it",
    "h2": "httpx[http2]",
    "httpcore2": "the extra httpx2",
    "httpx2": "the extra httpx2",
    "hypercorn": "integrations for those who have it",
    "joserfc": "the extra tokens",
    "hypothesis": "strategies for those who test with it",
    "prometheus_client": "the extra prometheus",
    "pytest": "the plugin is loaded by it",
    "rich": "the demo shows more with it",
    "socksio": "httpx[socks]",
    "starlette": "the extra registry",
    "trio": "runs, or is not imported",
    "uvicorn": "the extra registry",
    "yarl": "the extra aiohttp: its URLs",
}
"""Imported inside functions or by their own users, hence no dependencies."""

UNIMPORTED = {
    "h11": "httpcore's parser, whose version decides what is accepted from a wire",
}


def declared() -> set[str]:
    """The import names of the dependencies in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[\[<>=;, ]", item)[0] for item in project["dependencies"]}
    return {IMPORT_NAMES.get(name, name) for name in names}


def imported() -> dict[str, str]:
    """Each imported top-level name outside the standard library, with one place."""
    found: dict[str, str] = {}
    for module in modules():
        for item in module.imports():
            name = item.module.partition(".")[0]
            if name not in sys.stdlib_module_names and name != "meshlib":
                found.setdefault(name, f"{module.place}:{item.line}")
    return found


def test_every_import_is_declared() -> None:
    """Nothing works only because another package happens to bring it along."""
    known = declared() | set(OPTIONAL)
    assert {} == {name: place for name, place in imported().items() if name not in known}


def test_every_dependency_is_used() -> None:
    """Nobody installs what the package does not need."""
    assert set() == declared() - set(imported()) - set(UNIMPORTED)
