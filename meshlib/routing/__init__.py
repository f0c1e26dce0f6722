"""
Which version of a service takes a call: the room of rules, splits and sessions.

A *route* says which calls it matches and what becomes of them. A *table* holds the routes
of a service in order, and the first that matches is followed: it answers the call itself,
or rewrites it and sends it on. A *split* then chooses the *destination*, once for each
call: by a variant that is fixed, by the call's key, or by a draw. A destination means a
*subset* of endpoints, told by their metadata. An *affinity* keeps a session on one of them.

All of it decides and does nothing: chance and time are arguments. Without routes every
call takes the route `default`: all endpoints of its service.
"""

from __future__ import annotations

from ._affinity import Affinity, Session, SessionIndex, endpoint_id, parse_session
from ._canary_of import canary_index, canary_revision, canary_weights
from ._change_options import (
    DenyOptions,
    DirectResponseOptions,
    HeaderOperations,
    HeadersOptions,
    PathChange,
    RedirectOptions,
    RegexRewrite,
    RewriteOptions,
)
from ._headers import HeaderEdits
from ._info import RequestInfo, RouteInfo
from ._match_options import PathMatch, RouteMatch, TextMatch
from ._options import RouteOptions, Routes, title_of
from ._respond import Answer
from ._route import Route
from ._split import Destination, Split
from ._split_options import AffinityOptions, DestinationOptions, KeyOptions, VariantOptions
from ._subset import select_subset, subset_matches
from ._table import Explanation, RouteTable
from ._unreachable import Unreachable, unreachable

__all__ = [
    "Affinity",
    "AffinityOptions",
    "Answer",
    "DenyOptions",
    "Destination",
    "DestinationOptions",
    "DirectResponseOptions",
    "Explanation",
    "HeaderEdits",
    "HeaderOperations",
    "HeadersOptions",
    "KeyOptions",
    "PathChange",
    "PathMatch",
    "RedirectOptions",
    "RegexRewrite",
    "RequestInfo",
    "RewriteOptions",
    "Route",
    "RouteInfo",
    "RouteMatch",
    "RouteOptions",
    "RouteTable",
    "Routes",
    "Session",
    "SessionIndex",
    "Split",
    "TextMatch",
    "Unreachable",
    "VariantOptions",
    "canary_index",
    "canary_revision",
    "canary_weights",
    "endpoint_id",
    "parse_session",
    "select_subset",
    "subset_matches",
    "title_of",
    "unreachable",
]
