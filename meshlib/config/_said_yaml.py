"""
Where the keys of a YAML or JSON document begin.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True, eq=False)
class Said:
    """
    A part of a document: where its key begins, as an index into the text, and its parts.

    *parts* is None for a scalar. An item of a list begins where its value does.
    """

    index: int
    parts: dict[str, Said] | list[Said] | None = None


Parts = dict[str, Said] | list[Said] | None


def said_in_yaml(text: str) -> Said:
    """The whole document *text*, which may be JSON; without parts when it cannot be read."""
    try:
        # A tab is a blank of JSON and not of YAML; neither format has one in a quoted key.
        node = yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Said(0, {})
    return Said(0, {} if node is None else _parts(node, {}))


def _parts(node: yaml.Node, known: dict[int, Parts]) -> Parts:
    if id(node) in known:
        return known[id(node)]  # an alias, perhaps of what it is in
    if isinstance(node, yaml.SequenceNode):
        items: list[Said] = []
        known[id(node)] = items
        items += [Said(item.start_mark.index, _parts(item, known)) for item in node.value]
        return items
    if not isinstance(node, yaml.MappingNode):
        return None
    parts: dict[str, Said] = {}
    known[id(node)] = parts
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if key.tag == _MERGE:
            merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
        elif isinstance(key, yaml.ScalarNode):
            parts[key.value] = Said(key.start_mark.index, _parts(value, known))
    for other in merged:
        theirs = _parts(other, known)
        for name, said in theirs.items() if isinstance(theirs, dict) else ():
            parts.setdefault(name, said)
    return parts
