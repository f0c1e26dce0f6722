"""A client for one service with three replicas, two of which are soon gone."""

from _replica import Replica

from meshlib import MeshClient

replicas = [Replica(name) for name in "abc"]

with MeshClient("checkout", services={"users": [replica.url for replica in replicas]}) as mesh:
    print("by URL:    ", mesh.get("http://users/api/users").json())
    print("by name:   ", mesh.get("users", "/api/users").json())

    users = mesh.service("users")
    replicas[0].stop()  # refuses connections from here on
    replicas[1].status = 503  # answers, and cannot help
    answers = [users.get("/api/users") for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    print("50 calls:  ", {answer.json()["from"] for answer in answers})

    print(users.explain("/api/users"))

for replica in replicas[1:]:
    replica.stop()
