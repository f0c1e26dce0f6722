"""A real API server takes everything that is written, and keeps every field of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshlib.config import load_config
from meshlib.convert import export_kubernetes, to_yaml
from support.istio import definition
from support.real import wait_until
from support.real.kubernetes import Cluster

DOCUMENT = Path(__file__).parents[1] / "data" / "mesh.yaml"
OURS = ["VirtualService", "DestinationRule", "PeerAuthentication"]
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/default/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/default/configmaps",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    "VirtualService": "/apis/networking.istio.io/v1/namespaces/default/virtualservices",
    "DestinationRule": "/apis/networking.istio.io/v1/namespaces/default/destinationrules",
    "PeerAuthentication": "/apis/security.istio.io/v1/namespaces/default/peerauthentications",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server that knows Istio's kinds by their published schemas."""
    definitions = [definition(kind) for kind in OURS]
    with Cluster(tmp_path_factory.mktemp("kubernetes")) as server:
        for each in definitions:
            server.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", each)
        for kind in OURS:
            path = PATHS[kind]
            wait_until(f"{kind} is served", lambda path=path: server.client.get(path).is_success)
        yield server


def objects() -> list[dict[str, Any]]:
    """What is applied: the objects as they are read from the text that was written."""
    text = DOCUMENT.read_text()
    found, _ = export_kubernetes(load_config(DOCUMENT, environ={}), text, namespace="default")
    return list(yaml.safe_load_all(to_yaml(*found)))


def test_each_object_is_created_and_kept_whole(cluster: Cluster) -> None:
    """Unknown fields would be pruned and wrong types refused; nothing of either happens."""
    kinds = set()
    for each in objects():
        path = PATHS[each["kind"]]
        response = cluster.client.post(path, json=each)
        assert 201 == response.status_code, response.text
        kept = cluster.client.get(f"{path}/{each['metadata']['name']}").json()
        for section in ("spec", "data"):
            assert each.get(section) == kept.get(section)
        assert each["metadata"]["labels"] == kept["metadata"]["labels"]
        kinds.add(each["kind"])
    assert set(PATHS) == kinds


def test_a_document_in_a_config_map_is_the_document(cluster: Cluster) -> None:
    """What a pod finds in its file is what was exported, to the byte."""
    (config_map,) = (each for each in objects() if each["kind"] == "ConfigMap")
    assert DOCUMENT.read_text() == config_map["data"]["mesh.yaml"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("VirtualService", {"http": "all"}),
        ("PeerAuthentication", {"mtls": {"mode": "SOMETIMES"}}),
        ("NetworkPolicy", {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "x"}}]}]}),
    ],
)
def test_the_server_refuses_what_is_wrong(cluster: Cluster, kind: str, spec: Any) -> None:
    """The same server says no to objects of these kinds that do not fit."""
    group = PATHS[kind].split("/")[2]
    wrong = {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": "wrong"},
        "spec": spec,
    }
    assert 422 == cluster.client.post(PATHS[kind], json=wrong).status_code


def test_the_server_prunes_what_it_does_not_know(cluster: Cluster) -> None:
    """A field that Istio does not have would not come back, so the comparison would see it."""
    spec = {"hosts": ["a"], "http": [{"newField": 1, "name": "a"}]}
    value = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec}
    created = cluster.create(PATHS["VirtualService"], {**value, "metadata": {"name": "pruned"}})
    assert [{"name": "a"}] == created["spec"]["http"]
