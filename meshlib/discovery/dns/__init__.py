"""
Endpoints from the Domain Name System.

A source asks for the records of a name (SRV, or A and AAAA), sends what they say as one
list, and asks again when their time to live is over. Names that do not exist are an
answer, the empty list; a server that refuses, fails or is silent is none, and the list
before it stays in force. `_answer` and `_endpoints` read answers and are pure; `_resolver`
and `_server` ask.
"""

from __future__ import annotations

from ._source import DnsDiscovery

__all__ = ["DnsDiscovery"]
