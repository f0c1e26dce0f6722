"""A new version gets its share of the calls step by step, and in the end all of them."""

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
            # Shorter than anybody would wait: a minute is the default, and a hundred calls.
            "canary": {"initial_weight": 0.2, "step": 0.3, "interval": 0.3}
            | {"analysis": {"min_samples": 20, "max_p99_degradation": None}},
        }
    ],
}


def tell(event: Event) -> None:
    if isinstance(event, CanaryChanged):
        print(f"{event.new}: {event.weight:.0%} of the calls ({event.reason})")


with MeshClient(services={"orders": orders}, listeners=[tell]) as mesh:
    canary = mesh.mesh.canary("orders")
    while canary.status().state.value == "waiting" or canary.status().weight < 1:
        mesh.get("http://orders/")
    print("now", mesh.get("http://orders/").json()["from"])
