"""
Certificates, identities, and who may call whom.

TLS itself is set on the client, by `verify` and `cert`, and belongs to the wire.
"""

__all__: list[str] = []
