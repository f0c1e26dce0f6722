"""Sources made of sources: a file, else fixed endpoints; some of these; those of the last run."""

import json
import tempfile
from pathlib import Path

from _replica import Replica

from meshlib import MeshClient

replicas = [Replica(name) for name in "abc"]
a, b, c = (replica.url for replica in replicas)
directory = Path(tempfile.mkdtemp())
file = directory / "endpoints.json"

by_file = {"file": {"path": str(file)}}
cloud = {"static": {"endpoints": {"users": [c]}}}
services = {
    "users": {"discovery": {"fallback": {"sources": [by_file, cloud]}}},
    "zoned": {"discovery": {"filter": {"source": by_file, "zone": "a"}}},
    "kept": {"discovery": {"cached": {"source": by_file, "path": str(directory / "cache")}}},
}

with MeshClient(services=services) as mesh:
    print("without the file:", mesh.get("http://users/").json()["from"])

    zoned = [{"url": a, "metadata": {"zone": "a"}}, {"url": b, "metadata": {"zone": "b"}}]
    file.write_text(json.dumps({"users": [a], "zoned": zoned, "kept": [b]}))
    while (found := mesh.get("http://users/").json()["from"]) != "a":
        pass
    print("with the file:", found)
    print("of zone a:", mesh.get("http://zoned/").json()["from"])
    mesh.get("http://kept/").raise_for_status()

file.unlink()
with MeshClient(services=services) as mesh:
    print("of the last run:", mesh.get("http://kept/").json()["from"])
for replica in replicas:
    replica.stop()
