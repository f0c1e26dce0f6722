"""A new version that fails more calls than the old one is taken back, before most saw it."""

from _replica import Replica

from meshlib import MeshClient
from meshlib.events import CanaryChanged, Event

old, new = Replica("v1"), Replica("v2")
orders = {
    "endpoints": [
        {"url": old.url, "metadata": {"version": "v1"}},
        {"url": new.url, "metadata": {"version": "v2"}},
    ],
    "routes": [
        {
            "name": "rollout",
            "split": [{"subset": {"version": "v2"}}, {"subset": {"version": "v1"}}],
            "canary": {"initial_weight": 0.2, "interval": 0.5, "failure_threshold": 2}
            | {"analysis": {"min_samples": 20}},
        }
    ],
}


def tell(event: Event) -> None:
    if isinstance(event, CanaryChanged):
        print(f"{event.new}: {event.weight:.0%} of the calls ({event.reason})")


with MeshClient(services={"orders": orders}, listeners=[tell]) as mesh:
    canary = mesh.mesh.canary("orders")
    failed = calls = 0
    while canary.status().state.value != "rolled_back":
        new.status = 500 if calls % 4 == 0 else 200
        failed += mesh.get("http://orders/").status_code == 500
        calls += 1
    print(f"{failed} of {calls} calls failed; now {mesh.get('http://orders/').json()['from']}")
