"""
What the endpoints of one service are spoken to with.
"""

from __future__ import annotations

from collections.abc import Hashable

from ._certificates import Certificates
from ._contexts import CheckedContext, client_side
from ._material import Material
from ._options import TLSOptions


class Credentials:
    """
    *certificates*, and who the peer must be by *options*.

    Thread-safe. Services that differ in the peer alone can share certificates.
    """

    def __init__(self, options: TLSOptions, certificates: Certificates) -> None:
        self.options = options
        self.certificates = certificates
        self.wanted = " or ".join(options.identity)
        self.server_name = options.server_name
        self._made: dict[Hashable, CheckedContext] = {}

    def context(self, purpose: Hashable = None) -> CheckedContext:
        """
        The context for a new connection.

        One context for each *purpose*: whoever sets ALPN on it names its own.
        """
        self.certificates.look_if_due()
        made = self._made.get(purpose)
        if made is None or made.outdated:
            made = self._made[purpose] = self.certificates.context(self._make)
        return made

    @property
    def shown(self) -> str:
        """Whose certificate is shown; empty when none is."""
        identity = self.certificates.identity
        return "" if identity is None else str(identity)

    def _make(self, material: Material) -> CheckedContext:
        return client_side(self.options, material)
