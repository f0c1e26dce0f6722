"""
The server's half: middleware that takes over the caller's deadline, and tells its address.

`meshlib.deadline` is what such middleware opens around a handler.
"""

__all__: list[str] = []
