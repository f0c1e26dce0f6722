"""Events as they happen, and metrics when they are asked for."""

from collections import Counter

from _replica import Replica

from meshlib import Event, MeshClient

replicas = [Replica(name) for name in "ab"]
counts: Counter[str] = Counter()


def listener(event: Event) -> None:
    """Called in the thread of the event; must not block."""
    counts[type(event).__name__] += 1


users = {"endpoints": [replica.url for replica in replicas], "balancer": "round_robin"}
with MeshClient("shop", services={"users": users}, listeners=[listener]) as mesh:
    mesh.get("users", "/")
    replicas[0].stop()
    for _ in range(30):
        mesh.get("users", "/")
    metrics = mesh.mesh.metrics().services["users"]
    print("calls", metrics.calls, "retries", metrics.retries, "left", metrics.budget_balance)
    print(dict(counts))
    assert counts["BreakerChanged"] == 1
replicas[1].stop()
