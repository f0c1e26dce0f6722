"""An API server from before Kubernetes 1.21, which checks every field of a slice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshlib.discovery.kubernetes import KubernetesDiscovery
from support.real.following import following
from support.real.kubernetes import Cluster

ZONE = {"topology.kubernetes.io/zone": "a", "kubernetes.io/hostname": "node-1"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server without `discovery.k8s.io/v1`."""
    with Cluster(tmp_path_factory.mktemp("kubernetes"), version="v1beta1") as made:
        yield made


async def test_the_older_version_is_asked_where_there_is_no_newer(
    cluster: Cluster, anyio_backend_name: str
) -> None:
    """List and watch are as ever; zone and node come from the topology of an endpoint."""
    service = f"older-{anyio_backend_name}"
    pod = {"kind": "Pod", "name": "pod-1", "namespace": "default"}
    known = {"addresses": ["10.0.0.1"], "topology": ZONE, "targetRef": pod}
    cluster.put_slice(service, service, known)
    source = KubernetesDiscovery(kubeconfig=cluster.kubeconfig("kubeconfig"))
    async with following(source, service) as seen:
        await seen.until_urls("http://10.0.0.1:80")
        metadata = seen.lists[-1][0].metadata
        assert {"zone": "a", "node": "node-1", "pod": "pod-1"} == dict(metadata)
        cluster.put_slice(service, f"{service}-2", "10.0.0.2")
        await seen.until_urls("http://10.0.0.1:80", "http://10.0.0.2:80")
        cluster.delete_slice(service)
        await seen.until_urls("http://10.0.0.2:80")
