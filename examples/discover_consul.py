"""Two replicas register with a Consul agent, and a client finds those with a tag."""

import os
from contextlib import ExitStack

from _replica import Replica

from meshlib import MeshClient, register

address = os.environ.get("CONSUL_HTTP_ADDR", "http://127.0.0.1:8500")
blue = {"consul": {"address": address, "tags": ["blue"]}}

replicas = [Replica(name) for name in "ab"]
with ExitStack() as stack:
    leaving, staying = (
        register("meshlib-example", replica.url, at=blue, metadata={"version": "v1"})
        for replica in replicas
    )
    for registration in (leaving, staying):
        stack.enter_context(registration)
        if not registration.wait(10):
            raise SystemExit(f"consul: {registration.status.error}")
    mesh = stack.enter_context(MeshClient("shop", discovery=blue))

    seen: set[str] = set()
    while seen != {"a", "b"}:
        seen.add(mesh.get("http://meshlib-example/").json()["from"])
    print("found and called:", sorted(seen))

    leaving.stop()
    while len(mesh.mesh.metrics().services["meshlib-example"].endpoints) > 1:
        mesh.get("http://meshlib-example/").raise_for_status()
    print("called from then on:", mesh.get("http://meshlib-example/").json()["from"])
for replica in replicas:
    replica.stop()
