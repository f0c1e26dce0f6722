"""Candidates and calls as the balancing family sees them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meshlib._models import Endpoint
from meshlib.balancing import Baseline, Load


@dataclass(eq=False)
class Target:
    """A candidate."""

    endpoint: Endpoint
    load: Load

    def __repr__(self) -> str:
        return self.endpoint.url


@dataclass
class Info:
    """What a call shows to a picker."""

    now: float = 0.0
    hash_key: str | None = None
    tried: Sequence[object] = field(default_factory=list)


MakeTargets = Callable[..., tuple[Target, ...]]


@pytest.fixture(scope="session")
def make_targets() -> MakeTargets:
    """Make candidates that share one baseline, with weights or in a number."""

    def make(of: int | Sequence[float], *, first_port: int = 90) -> tuple[Target, ...]:
        weights = [1.0] * of if isinstance(of, int) else of
        baseline = Baseline()
        return tuple(
            Target(
                Endpoint(f"http://127.0.0.1:{first_port + number}", weight=weight),
                Load(baseline, weight=weight),
            )
            for number, weight in enumerate(weights)
        )

    return make


@pytest.fixture(scope="session")
def make_info() -> type[Info]:
    """Make what a call shows to a picker."""
    return Info


@pytest.fixture
def rng() -> random.Random:
    """Make a generator whose draws repeat."""
    return random.Random(7)


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """Load the values that other projects have published."""
    path = Path(__file__).parent.parent / "vectors" / "balancing.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
