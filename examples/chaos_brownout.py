"""A scenario is run against two replicas, and its report says what absorbed the faults."""

from _replica import Replica

from meshlib import MeshClient
from meshlib.chaos import run

one, other = Replica("one"), Replica("other")

with MeshClient("shop", services={"orders": [one.url, other.url]}) as mesh:
    report = run(
        mesh,
        "brownout",
        load=lambda: mesh.get("orders", "/"),
        parameters={"duration": "2s", "delay": "20ms", "success_rate": 0.9},
        before="1s",
        rate=50,
        seed=42,
    )

print(report)
assert report.verdict == "pass", report.reasons
assert not mesh.mesh.faults.rules
