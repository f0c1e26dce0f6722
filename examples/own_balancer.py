"""A balancer in a few lines: the cheapest endpoint, as its metadata says."""

from collections.abc import Sequence

from _replica import Replica

from meshlib import MeshClient
from meshlib.balancing import Candidate, PickInfo


class Cheapest:
    """Candidates are those that may be picked; `info` is the call."""

    name = "cheapest"

    def pick(self, candidates: Sequence[Candidate], info: PickInfo) -> Candidate:
        return min(candidates, key=lambda c: float(c.endpoint.metadata["cost"]))


replicas = {"3": Replica("dear"), "1": Replica("cheap")}
endpoints = [{"url": r.url, "metadata": {"cost": cost}} for cost, r in replicas.items()]
with MeshClient(
    "shop", services={"models": {"endpoints": endpoints, "balancer": Cheapest()}}
) as mesh:
    answer = mesh.get("models", "/")
    print(answer.json(), "-", answer.extensions["mesh"].attempts[0].chosen)
    assert answer.json()["from"] == "cheap"
for replica in replicas.values():
    replica.stop()
