"""
The variables that a compose file may use: those of the process, and those of `.env`.

https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from ...._exceptions import ConfigurationError
from ._variables import VariableError, substitute

_VALUE = re.compile(r"[^=]*=\s*")


def parse_environment(content: bytes, path: str, known: Mapping[str, str]) -> dict[str, str]:
    """
    The variables in *content*, that of the file at *path*, each put in those after it.

    A variable in *known* has the value that it has there. Raises ConfigurationError.
    """
    try:
        # Needed by those only who have such a file.
        from dotenv.parser import parse_stream
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"reading it needs the library {exc.name}, which is not installed",
            path=path,
            hint="pip install 'meshlib-client[compose]'",
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"not UTF-8 at byte {exc.start}", path=path) from None
    found: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        return known.get(name, found.get(name))

    for binding in parse_stream(io.StringIO(text)):
        place = f"{path}, line {binding.original.line}"
        if binding.error:
            raise ConfigurationError(
                f"{binding.original.string.strip()!r:.100} is not NAME=value", path=place
            )
        if binding.key is None or binding.value is None:
            continue  # a comment, or the mere mention of a variable of the process
        written = _VALUE.sub("", binding.original.string, count=1)
        value = binding.value
        if not written.startswith("'"):
            if written.startswith('"'):
                value = value.replace("\\$", "$$")
            try:
                value = substitute(value, lookup)
            except VariableError as exc:
                raise ConfigurationError(str(exc), path=place) from None
        found[binding.key] = value
    return found
