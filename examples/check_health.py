"""Endpoints that are checked beside the calls, and a process that says whether it is ready."""

import threading
from typing import Any

from _replica import Replica

from meshlib import MeshClient
from meshlib.events import EndpointHealthChanged
from meshlib.health import ProcessHealth

replicas = [Replica(name) for name in "ab"]
changed = threading.Event()


def listener(event: Any) -> None:
    """Called when checks find an endpoint in another state than before."""
    if isinstance(event, EndpointHealthChanged):
        print(event.endpoint.url == replicas[0].url, event.healthy, event.reason)
        changed.set()


users = {
    "endpoints": [replica.url for replica in replicas],
    "health_check": {"http": "/health", "interval": 0.05, "unhealthy_threshold": 2},
}
health = ProcessHealth()
with MeshClient("shop", services={"users": users}, listeners=[listener]) as mesh:
    health.depends_on(mesh, "users")
    replicas[0].status = 503  # of its checks as of its calls
    mesh.get("users", "/")  # the checks begin with the first call
    changed.wait(30)
    assert {"b"} == {mesh.get("users", "/").json()["from"] for _ in range(20)}
    print("ready:", health.check_now("ready").as_dict())
    health.drain()
    print("draining:", health.check_now("ready").http_status)
for replica in replicas:
    replica.stop()
