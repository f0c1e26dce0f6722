"""What is written for Istio fits the schemas that Istio publishes, and has no field more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib.config import load_config
from meshlib.convert import export_kubernetes
from support.istio import model, schema, unknown_fields

DOCUMENT = Path(__file__).parents[1] / "data" / "mesh.yaml"


def exported() -> list[dict[str, Any]]:
    """The objects for the document, which uses everything that can be said."""
    objects, _ = export_kubernetes(load_config(DOCUMENT, environ={}), namespace="shop")
    return list(objects)


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule", "PeerAuthentication"])
def test_objects_fit_the_published_schema(kind: str) -> None:
    """The model of the kind takes each object, and none has a field that it does not know."""
    found = [each for each in exported() if each["kind"] == kind]
    assert found
    for each in found:
        model(kind).model_validate(each)
        assert [] == list(unknown_fields(each["spec"], schema(kind)))


def test_a_field_that_nobody_knows_is_found() -> None:
    """The check would notice a misspelt field, at any depth."""
    spec = {"hosts": ["a"], "http": [{"rout": [], "match": [{"uri": {"exakt": "/"}}]}]}
    found = list(unknown_fields(spec, schema("VirtualService")))
    assert ["spec.http[0].rout", "spec.http[0].match[0].uri.exakt"] == found
