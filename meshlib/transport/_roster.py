"""
The targets of a service, reconciled with every new list of endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import is_

from .._models import Endpoint
from ._target import Target


class Roster:
    """
    Targets by the URL and the address of their endpoint.

    An endpoint that is spelt as before is found without working out its address, which
    takes longer than all the rest. Not thread-safe; `targets` is swapped whole.
    """

    __slots__ = ("_by_address", "_by_url", "_whole", "is_new", "targets", "told")

    def __init__(self) -> None:
        self.targets: tuple[Target, ...] = ()
        self.told: tuple[Endpoint, ...] = ()
        """The last list, with endpoints that were not chosen."""
        self.is_new = True
        """Whether the last list said anything that the one before did not."""
        self._whole = False
        """Whether all of the last list was used."""
        self._by_url: dict[str, Target] = {}
        self._by_address: dict[str, Target] = {}

    def get(self, address: str) -> Target | None:
        """The target with this address."""
        return self._by_address.get(address)

    def replace(
        self,
        endpoints: Iterable[Endpoint],
        make: Callable[[Endpoint], Target],
        choose: Callable[[Sequence[Endpoint]], Iterable[Endpoint]] | None = None,
    ) -> tuple[tuple[Endpoint, ...], tuple[Target, ...]]:
        """
        Take a whole new list; return the endpoints that came and the targets that left.

        Of two endpoints with one address the first counts. *choose* says which to use.
        """
        told, self.told = self.told, tuple(endpoints)
        whole, self._whole = self._whole, choose is None
        if whole and choose is None and _are(told, self.told):
            self.is_new = False
            return (), ()
        endpoints = self.told if choose is None else choose(self.told)
        known, by_address = self._by_url, self._by_address
        by_url: dict[str, Target] = {}
        came: list[Endpoint] = []
        respelt: set[Target] = set()
        changes = False
        for endpoint in endpoints:
            url = endpoint.url
            target = known.get(url)
            if target is None:
                if url in by_url:
                    continue
                address = endpoint.address
                target = by_address.get(address)
                if target is None:
                    target = make(endpoint)
                    by_address[target.address] = target
                    came.append(endpoint)
                else:
                    if target in respelt or target.endpoint.url in by_url:
                        continue
                    respelt.add(target)
                    changes = True
                    _change(target, endpoint)
            elif target.endpoint is not endpoint:
                if respelt and target in respelt:
                    continue
                old = target.endpoint
                # As `old != endpoint`, which puts all of both into tuples.
                if (
                    old.metadata != endpoint.metadata
                    or old.weight != endpoint.weight
                    or old.priority != endpoint.priority
                    or old.kind != endpoint.kind
                    or old.url != url
                ) and url not in by_url:
                    changes = True
                    _change(target, endpoint)
            by_url[url] = target
        # In the order of the targets, which is that of `known`.
        left = [target for url, target in known.items() if url not in by_url]
        gone = tuple(target for target in left if target not in respelt)
        for target in gone:
            target.removed = True
            del by_address[target.address]
        self._by_url = by_url
        targets, self.targets = self.targets, tuple(by_url.values())
        self.is_new = changes or targets != self.targets
        return tuple(came), gone


def _are(some: tuple[Endpoint, ...], others: tuple[Endpoint, ...]) -> bool:
    """Whether these are the very same objects: to compare those that are not takes long."""
    return len(some) == len(others) and all(map(is_, some, others))


def _change(target: Target, endpoint: Endpoint) -> None:
    target.endpoint = endpoint
    target.load.weight = endpoint.weight * target.load.ramp
