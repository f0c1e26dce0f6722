"""`tests/client/test_redirects.py`, of httpx2."""

from __future__ import annotations

from support.renamed import again

globals().update(again("client/test_redirects.py"))
