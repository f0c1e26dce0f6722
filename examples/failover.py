"""Failover from a local replica to the cloud, and back as soon as the replica is up again."""

import time

from _replica import Replica

from meshlib import Event, MeshClient
from meshlib.events import BreakerChanged


def listener(event: Event) -> None:
    if isinstance(event, BreakerChanged):
        print(f"  the breaker of the {event.endpoint.kind} replica is {event.new}")


local, cloud = Replica("local"), Replica("cloud")
port = int(local.url.rpartition(":")[2])
models = {
    "endpoints": [
        {"url": local.url, "kind": "local"},  # kinds are levels: local, edge, cloud
        {"url": cloud.url, "kind": "cloud"},
    ],
    "breaker": {"consecutive_failures": 2, "break_duration": "200ms"},
}
with MeshClient("shop", services={"models": models}, listeners=[listener]) as mesh:

    def answers() -> list[str]:
        return [mesh.get("models", "/").json()["from"] for _ in range(5)]

    print("up:  ", answers())
    local.stop()
    print("down:", answers())  # no call fails: the retry of the first ones goes to the cloud
    local = Replica("local", port)
    time.sleep(0.3)  # when the break is over, the next call is the probe
    print("back:", last := answers())
    assert last == ["local"] * 5
for replica in (local, cloud):
    replica.stop()
