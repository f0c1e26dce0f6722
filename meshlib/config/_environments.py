"""
Overlays: documents that are laid over another one in one environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from .._exceptions import ConfigurationError
from .._problems import Place, Problem, error_of, path_of, problems_of
from ._merge import merge_document
from ._trees import Tree, document_tree

VARIABLE = "MESHLIB_ENV"
"""Names the environment that the process runs in."""

Check = Callable[[Tree], Any]


def overlay_name(document: Tree, environ: Mapping[str, str]) -> str:
    """
    The environment whose overlay applies; empty when there is none for it.

    Raises ConfigurationError for a name that looks like a misspelt one of the document.
    """
    name = environ.get(VARIABLE, "")
    known = document.get("environments")
    if not name or not isinstance(known, Mapping) or name in known:
        return name if isinstance(known, Mapping) and name in known else ""
    near = get_close_matches(name, [str(key) for key in known], n=1, cutoff=0.8)
    if near:
        raise ConfigurationError(
            f"{VARIABLE} is {name!r}, which the document does not know",
            path="environments",
            hint=f"did you mean {near[0]!r}? An empty one is written {name}: {{}}",
        )
    return ""


def laid_over(document: Tree, name: str) -> Tree:
    """*document* with its overlay *name*."""
    place = ("environments", name)
    overlay = document["environments"][name]
    tree = document_tree({} if overlay is None else overlay, place)
    if "environments" in tree:
        raise ConfigurationError(
            "an overlay has no overlays of its own", path=f"environments.{name}.environments"
        )
    return merge_document(document, tree)


def check_overlays(document: Tree, applied: str, check: Check) -> None:
    """
    Run *check* on *document* with each overlay but the one *applied*.

    A mistake in an overlay is better found by everybody than in production. *document*
    itself must be right, so that whatever is wrong is the overlay's.
    """
    problems: list[Problem] = []
    for name in document.get("environments") or ():
        if name != applied:
            try:
                check(laid_over(document, name))
            except ConfigurationError as exc:
                problems += [_moved(problem, name) for problem in problems_of(exc)]
    if problems:
        raise error_of(problems)


def located(error: ConfigurationError, document: Tree, name: str) -> ConfigurationError:
    """*error* with what the overlay *name* says placed there."""
    if not name:
        return error
    overlay = document["environments"][name]
    return error_of(
        _moved(problem, name) if is_in(overlay, problem.place) else problem
        for problem in problems_of(error)
    )


def _moved(problem: Problem, name: str) -> Problem:
    if path_of(problem.place).startswith("environments"):
        return problem  # found while its tree was made, and placed there
    return problem._replace(place=("environments", name, *problem.place))


def is_in(tree: Any, place: Place) -> bool:
    """Whether something stands at *place* of *tree*."""
    for key in place:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
