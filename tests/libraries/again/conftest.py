"""Every client of httpx2, and a site for it."""

from __future__ import annotations

from support.renamed import again

globals().update(again("client/conftest.py"))
