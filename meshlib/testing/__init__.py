"""
Fakes and fixtures for tests of applications.

Any httpx transport can stand in for the wire already: `MeshClient(transport=...)`.
"""

__all__: list[str] = []
