"""
Istio's HTTPRewrite and HTTPRedirect for one way of matching a path.
"""

from __future__ import annotations

from .._part import Part
from ._matches import Path, Tree
from ._regex import filled, fits_re2, template_regex

_WHOLE = "^/.*$"


def read_rewrite(block: Part, path: Path) -> Tree | None:
    """The rewrite of what *path* matched; None, and reported, when Istio has no such."""
    tree: Tree = {}
    authority = block.text("authority")
    if authority:
        tree["authority"] = authority
    whole = block.text("path")
    prefix = block.text("prefix")
    template = block.text("template")
    regex = block.part("regex")
    if whole is not None and path.kind in ("exact", "whole"):
        tree["uri"] = whole
    elif whole is not None:
        tree["uriRegexRewrite"] = {"match": _WHOLE, "rewrite": whole.replace("\\", "\\\\")}
    elif prefix is not None:
        tree["uri"] = _replaced(prefix, path)
    elif template is not None and path.kind == "template":
        pattern, names = template_regex(path.said)
        tree["uriRegexRewrite"] = {"match": f"^{pattern}$", "rewrite": filled(template, names)}
    elif template is not None:
        block.lose("template", "it is filled from a regular expression", "`regex`")
        return None
    elif regex is not None:
        match, rewrite = regex.text("match") or "", regex.text("rewrite") or ""
        if not fits_re2(match) or "\\g" in rewrite:
            regex.lose("", "Envoy's engine RE2 does not read it")
            return None
        tree["uriRegexRewrite"] = {"match": match, "rewrite": rewrite}
    return tree


def read_redirect(block: Part, path: Path) -> Tree | None:
    """The redirect of what *path* matched; None, and reported, when Istio has no such."""
    tree: Tree = {}
    for key in ("template", "regex"):
        if block.has(key):
            block.lose(key, "Istio redirects to a path, or replaces a prefix", "`path`")
            return None
    whole, prefix = block.text("path"), block.text("prefix")
    if whole is not None:
        tree["uri"] = whole
    elif prefix is not None and path.kind == "whole":
        tree["uri"] = _replaced(prefix, path)
    elif prefix is not None:
        tree["prefixRewrite"] = _replaced(prefix, path)
    for name, value in (
        ("authority", block.text("authority")),
        ("scheme", block.text("scheme")),
        ("port", block.whole("port")),
        ("redirectCode", block.whole("code")),
    ):
        if value is not None:
            tree[name] = value
    return tree


def _replaced(prefix: str, path: Path) -> str:
    """What stands for the prefix: of whole segments, with the slash that is matched."""
    if path.kind == "whole":
        return prefix.rstrip("/") or "/"
    if path.kind == "segments":
        return f"{prefix.rstrip('/')}/"
    return prefix or "/"
