"""
What a path becomes.
"""

from __future__ import annotations

import re
from typing import Protocol

from ._change_options import PathChange
from ._path import PathPattern, PatternPath, PrefixPath, SegmentsPath
from ._template import encode_path, parse_template


class PathRewrite(Protocol):
    """Makes another path of one that a route has matched. Pure."""

    def apply(self, path: str) -> str:
        """The new path, percent-encoded like *path*; never without its first slash."""


class FullRewrite:
    """Replaces all of it."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = encode_path(path)

    def apply(self, path: str) -> str:
        """The same for every path."""
        return self._path


class PrefixRewrite:
    """
    Replaces the prefix that was matched, and keeps the rest.

    Text is compared, so text is replaced: `/foo/` by `/xyz` makes `/xyzbar` of `/foo/bar`, as
    in Envoy. Where both bring a slash one is left, and Envoy would keep both.
    """

    __slots__ = ("_pattern", "_prefix")

    def __init__(self, prefix: str, pattern: PrefixPath) -> None:
        self._prefix = encode_path(prefix)
        self._pattern = pattern

    def apply(self, path: str) -> str:
        """The new prefix, and what came after the old one."""
        rest = self._pattern.rest(path)
        if rest.startswith("/") and self._prefix.endswith("/"):
            rest = rest[1:]
        return f"{self._prefix}{rest}" or "/"


class SegmentRewrite(PrefixRewrite):
    """
    Replaces whole segments: a slash at the end of the new ones means nothing.

    The results are those of the Gateway API's table for ReplacePrefixMatch.
    """

    __slots__ = ()

    def __init__(self, prefix: str, pattern: PrefixPath) -> None:
        super().__init__(prefix.rstrip("/"), pattern)


class TemplateRewrite:
    """Fills a template with what the match captured."""

    __slots__ = ("_names", "_parts", "_pattern")

    def __init__(self, text: str, pattern: PatternPath) -> None:
        template = parse_template(text)
        self._parts, self._names = template.parts, template.names
        self._pattern = pattern

    def apply(self, path: str) -> str:
        """The template with the captures of *path*, which are encoded already."""
        captures = self._pattern.captures(path)
        filled = [self._parts[0]]
        for name, part in zip(self._names, self._parts[1:], strict=True):
            filled += captures.get(name, ""), part
        return "".join(filled)


class RegexRewriting:
    """Replaces every part that a regular expression fits."""

    __slots__ = ("_pattern", "_rewrite")

    def __init__(self, match: str, rewrite: str) -> None:
        self._pattern = re.compile(match)
        self._rewrite = rewrite

    def apply(self, path: str) -> str:
        """The path with each part replaced, and encoded again."""
        changed = encode_path(self._pattern.sub(self._rewrite, path))
        return changed if changed.startswith("/") else f"/{changed}"


def compile_change(change: PathChange, pattern: PathPattern | None) -> PathRewrite | None:
    """
    What makes *change* of the paths that *pattern* matches; None when it changes nothing.

    RouteOptions has seen to it that *pattern* is of the kind that *change* needs.
    """
    if change.path is not None:
        return FullRewrite(change.path)
    if change.regex is not None:
        return RegexRewriting(change.regex.match, change.regex.rewrite)
    if change.template is not None:
        if isinstance(pattern, PatternPath):
            return TemplateRewrite(change.template, pattern)
        return FullRewrite(change.template)  # it has no variables, then
    if change.prefix is not None and isinstance(pattern, PrefixPath):
        segments = isinstance(pattern, SegmentsPath)
        return (SegmentRewrite if segments else PrefixRewrite)(change.prefix, pattern)
    return None


def rewrite_target(rewrite: PathRewrite, target: bytes) -> bytes:
    """*target*, a path and perhaps a query, with its path rewritten and its query kept."""
    path, mark, query = target.decode("latin-1").partition("?")
    return f"{rewrite.apply(path)}{mark}{query}".encode("latin-1")
