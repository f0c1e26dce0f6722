"""
Istio's HTTPRedirect and HTTPDirectResponse.
"""

from __future__ import annotations

import base64
import binascii

from .._part import Part
from ._draft import Tree


def read_redirect(part: Part) -> Tree:
    """Istio's redirect; a prefix that is replaced stands under `prefix`."""
    tree: Tree = {
        name: value
        for name, value in (
            ("path", part.text("uri")),
            ("prefix", part.text("prefixRewrite")),
            ("authority", part.text("authority")),
            ("scheme", part.text("scheme")),
            ("port", part.whole("port")),
            ("code", part.whole("redirectCode")),
        )
        if value not in (None, "")
    }
    derived = part.text("derivePort")
    elsewhere = bool(tree.keys() & {"scheme", "authority"})
    if derived is not None and (derived == "FROM_PROTOCOL_DEFAULT") != elsewhere:
        part.lose(
            "derivePort",
            "the port is the scheme's with `scheme` or `authority`, and else the call's",
            "`port`",
        )
    return tree


def read_direct_response(part: Part) -> Tree:
    """Istio's direct response."""
    tree: Tree = {"status": part.whole("status")}
    body = part.part("body")
    if body is not None:
        text = body.text("string")
        if text is not None:
            tree["body"] = text
        encoded = body.text("bytes")
        if encoded is not None:
            try:
                tree["body"] = base64.b64decode(encoded, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                body.lose("bytes", "a body is text", "`json`")
    return tree
