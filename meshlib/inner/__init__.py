"""
Other transports below a mesh, made fit to be there.

A client of a mesh sends over connections of its own unless it is given a transport:
`AsyncMeshClient(..., transport=...)`. Any transport of httpx will do; those here stand on
an adapter of another library and correct what a mesh depends on. A retry is lawful when an
error says truly that nothing was sent, a breaker counts what the endpoint did and not what
the caller or the pool did, and nothing is sent again, or remembered, behind the back of
the call.

Each is in a module of its own, which needs what it stands on: `meshlib.inner.aiohttp`.
"""

from __future__ import annotations

__all__: list[str] = []
