"""`tests/client/test_responses.py`, of httpx2."""

from __future__ import annotations

from support.renamed import again

# A response of httpx2 leaves the time that it took behind when it is pickled.
PICKLED = "test_response_can_be_pickled"

globals().update(again("client/test_responses.py", but={PICKLED}))
