"""Calls for routes to match, and routes as a document writes them."""

from __future__ import annotations

import random
from typing import Any

import yaml

from meshlib.routing import RequestInfo, RouteOptions, RouteTable


class Draws(random.Random):
    """Draws the given numbers, in order; another draw is an error."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(0)
        self.left = list(numbers)

    def random(self) -> float:
        """Give the next one."""
        return self.left.pop(0)


def call(
    target: str = "/users",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    draws: tuple[float, ...] = (),
    **who: Any,
) -> RequestInfo:
    """A call as routes see it; header names are in lower case."""
    return RequestInfo(method, target.encode("utf-8"), headers or {}, rng=Draws(*draws), **who)


def routes(document: str) -> list[RouteOptions]:
    """Parse a list of routes from YAML."""
    return [RouteOptions.model_validate(each) for each in yaml.safe_load(document)]


def table(document: str, service: str = "users") -> RouteTable:
    """Make a table of routes from YAML."""
    return RouteTable(routes(document), service=service)
