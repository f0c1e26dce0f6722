"""Register a process with meshlib's own registry, and find it there by its name."""

import os

from _replica import Replica

from meshlib import MeshClient, register

# Started by: python -m meshlib registry
ADDRESS = os.environ.get("MESHLIB_REGISTRY", "http://127.0.0.1:8790")
AT = {"registry": {"address": ADDRESS}}

replica = Replica("a")
with register("greetings", replica.url, at=AT, metadata={"zone": "a"}) as registration:
    if not registration.wait(timeout=5.0):
        raise SystemExit(f"no registry at {ADDRESS}: {registration.status.error}")
    with MeshClient("shop", discovery=AT) as mesh:
        print("found and called:", mesh.get("http://greetings/hello").json()["from"])
replica.stop()
