"""
aiohttp below a mesh: `AsyncMeshClient(..., transport=AiohttpTransport())`.

It is httpx-aiohttp, for HTTP/1.1 on asyncio, with its errors told apart as httpx does and
without what a session of aiohttp does unasked. Needs `meshlib-client[aiohttp]`.
"""

from __future__ import annotations

from ._transport import AiohttpTransport

__all__ = ["AiohttpTransport"]
