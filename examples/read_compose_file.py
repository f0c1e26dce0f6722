"""A compose file says where its services are published; a change of it is seen at once."""

import tempfile
from pathlib import Path

from _replica import Replica

from meshlib import MeshClient

FILE = """
services:
  users:
    image: example/users
    ports: ["127.0.0.1:{port}:8000"]
    labels: {{meshlib.metadata.version: v1}}
"""
replicas = [Replica(name) for name in "ab"]

with tempfile.TemporaryDirectory() as directory:
    file = Path(directory) / "compose.yaml"

    def publish(replica: Replica) -> None:
        port = replica.url.rpartition(":")[2]
        new = file.with_suffix(".new")
        new.write_text(FILE.format(port=port))
        new.replace(file)

    publish(replicas[0])
    with MeshClient("shop", discovery={"compose": {"directory": directory}}) as mesh:
        print("called:", mesh.get("http://users/").json()["from"])
        publish(replicas[1])
        while mesh.get("http://users/").json()["from"] != "b":
            pass
        print("called after the change:", "b")
for replica in replicas:
    replica.stop()
