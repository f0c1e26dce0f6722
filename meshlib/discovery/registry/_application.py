"""
The registry's server, for those who have what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..._exceptions import ConfigurationError
from .._settings import number, seconds
from .._timing import Timing
from ._ledger import Ledger

if TYPE_CHECKING:
    from starlette.applications import Starlette


def registry_app(
    path: str | os.PathLike[str] = "registry.db",
    *,
    token: str | Sequence[str] | None = None,
    read_token: str | Sequence[str] | None = None,
    max_instances: int = 100_000,
    max_body: int = 65_536,
    keep_alive: float | str = 15.0,
    _timing: Timing | None = None,
) -> Starlette:
    """
    A registry as an ASGI application, to be run or to be mounted in another.

    *path* is the SQLite database, made when it is missing; several processes of one machine
    may use it at once, and `:memory:` keeps nothing. *token* is asked for as a bearer token,
    and *read_token* lets its bearer only read; several of each are as good as one, so that
    they can be replaced one after the other. Without *token* everybody may do everything.

    *max_instances* may be registered, in bodies of at most *max_body* bytes. A watch that
    has nothing to tell shows each *keep_alive* seconds that it lives: 15, below the 30 to 60
    after which proxies cut a silent answer.

    Nothing is opened before the lifespan or the first request. Raises ConfigurationError,
    also when Starlette is not installed.
    """
    try:
        from ._api import Api, Limits
        from ._app import make_app
        from ._guard import check_tokens
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"the server of the registry needs the library {exc.name}, which is not installed",
            hint="pip install 'meshlib-client[registry]'",
        ) from exc
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ConfigurationError(f"a path is needed, not {path!r}", path="path")
    write, read = check_tokens(token, "token"), check_tokens(read_token, "read_token")
    if read and not write:
        raise ConfigurationError(
            "guards nothing while everybody may write", path="read_token", hint="set token, too"
        )
    timing = Timing() if _timing is None else _timing
    limits = Limits(
        max_body=int(number(max_body, "max_body", minimum=256)),
        keep_alive=seconds(keep_alive, "keep_alive", minimum=0.1),
    )
    ledger = Ledger(
        os.fspath(path),
        max_instances=int(number(max_instances, "max_instances", minimum=1)),
        clock=timing.clock,
    )
    return make_app(Api(ledger, limits, timing), write, read)
