"""
The policies and endpoints that calls of one route, or of one tenant, share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..bulkhead import Bulkhead
from ..retry import HedgePolicy, RetryBudget
from ..routing import Destination, Route
from ._pickable import Pickable
from ._policies import Policies


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """
    What calls read of their service when a route or a tenant has its own.

    A service without either is its own lane: it has all these attributes, too. *view*
    is the service, or a view of some of its endpoints.
    """

    service: Any
    view: Any
    policies: Policies
    hedge: HedgePolicy | None
    budget: RetryBudget
    bulkhead: Bulkhead
    tenant: str | None = None
    route: Route | None = None
    destination: Destination | None = None
    affinity: Any = None
    samples: Any = None
    """What counts the outcomes of a canary and of the version beside it."""
    is_canary: bool = False
    mirrors: Sequence[Any] = ()

    @property
    def pickable(self) -> Pickable:
        """What picks may choose from now."""
        found: Pickable = self.view.pickable
        return found

    @property
    def balancer(self) -> Any:
        """What picks among them."""
        return self.view.balancer
