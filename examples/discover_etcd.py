"""Two replicas register in etcd, and a client finds them there; then one of them leaves."""

import os
from contextlib import ExitStack

from _replica import Replica

from meshlib import MeshClient, register

addresses = os.environ.get("ETCDCTL_ENDPOINTS", "http://127.0.0.1:2379").split(",")
etcd = {"etcd": {"addresses": addresses, "prefix": "/example/services"}}

replicas = [Replica(name) for name in "ab"]
with ExitStack() as stack:
    leaving, staying = (register("users", replica.url, at=etcd) for replica in replicas)
    for registration in (leaving, staying):
        stack.enter_context(registration)
        if not registration.wait(10):
            raise SystemExit(f"etcd: {registration.status.error}")
    mesh = stack.enter_context(MeshClient("shop", discovery=etcd))

    seen: set[str] = set()
    while seen != {"a", "b"}:
        seen.add(mesh.get("http://users/").json()["from"])
    print("found and called:", sorted(seen))

    leaving.stop()
    while len(mesh.mesh.metrics().services["users"].endpoints) > 1:
        mesh.get("http://users/").raise_for_status()
    print("called from then on:", mesh.get("http://users/").json()["from"])
for replica in replicas:
    replica.stop()
