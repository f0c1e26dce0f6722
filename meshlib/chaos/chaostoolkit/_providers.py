"""
Carries out one activity, as Chaos Toolkit would.
"""

from __future__ import annotations

import importlib
import subprocess
from itertools import chain
from typing import Any

import httpx

from ._options import HttpProvider, ProcessProvider, PythonProvider


def carry_out(provider: PythonProvider | HttpProvider | ProcessProvider) -> Any:
    """The result of *provider*; raises what it raises."""
    if isinstance(provider, PythonProvider):
        return _python(provider)
    if isinstance(provider, HttpProvider):
        return _http(provider)
    return _process(provider)


def _python(provider: PythonProvider) -> Any:
    function = getattr(importlib.import_module(provider.module), provider.func)
    return function(**provider.arguments)


def _http(provider: HttpProvider) -> dict[str, Any]:
    method, said = provider.method.upper(), provider.arguments
    sent: dict[str, Any] = {}
    if said is not None and method == "GET":
        sent["params"] = said
    elif said is not None:
        types = [value for name, value in provider.headers.items() if name.lower() == _TYPE]
        sent["json" if types == ["application/json"] else "data"] = said
    response = httpx.request(
        method,
        provider.url,
        headers=provider.headers,
        timeout=provider.timeout,
        verify=provider.verify_tls,
        follow_redirects=True,
        **sent,
    )
    as_json = response.headers.get(_TYPE) == "application/json"
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "body": response.json() if as_json else response.text,
    }


_TYPE = "content-type"


def _process(provider: ProcessProvider) -> dict[str, Any]:
    said = provider.arguments
    flat = chain.from_iterable(said.items()) if isinstance(said, dict) else said
    arguments = [str(part) for part in flat if part not in (None, "")]
    done = subprocess.run(  # noqa: S603 -- what an experiment says is what its author wants to run
        [provider.path, *arguments],
        capture_output=True,
        text=True,
        timeout=provider.timeout,
        check=False,
    )
    return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
