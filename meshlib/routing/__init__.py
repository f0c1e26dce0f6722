"""
Which version of a service takes a call: the room of rules, splits, canaries and mirrors.

Without routes every call takes the route `default`: all endpoints of its service.
"""

__all__: list[str] = []
