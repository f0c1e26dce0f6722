"""An A/B test: visitors stay with their variant, and a cohort is given one for certain."""

from collections import Counter

from _replica import Replica

from meshlib import MeshClient

green, red = Replica("the shop with a green button"), Replica("the shop with a red button")
button = {
    "name": "button",
    "key": {"header": "x-visitor"},
    "variants": {"red": {"headers": {"x-user-cohort": "B"}}},
    "split": [
        {"name": "red", "subset": {"button": "red"}, "weight": 25},
        {"name": "green", "subset": {"button": "green"}, "weight": 75},
    ],
}
endpoints = [
    {"url": green.url, "metadata": {"button": "green"}},
    {"url": red.url, "metadata": {"button": "red"}},
]

with MeshClient("web", services={"shop": {"endpoints": endpoints, "routes": [button]}}) as mesh:

    def variant(visitor: int, **headers: str) -> str:
        """What a visitor sees."""
        headers |= {"x-visitor": str(visitor)}
        return str(mesh.get("shop", "/", headers=headers).extensions["mesh"].destination)

    print("400 visitors:        ", dict(Counter(variant(n) for n in range(400))))
    print("visitor 7, ten times:", {variant(7) for _ in range(10)})
    print("cohort B, 50 of them:", {variant(n, **{"x-user-cohort": "B"}) for n in range(50)})

for replica in (green, red):
    replica.stop()
