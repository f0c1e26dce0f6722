"""Call the containers that have the label `meshlib.service=users`, and tell who comes and goes."""

import os
import queue

from meshlib import MeshClient
from meshlib.events import EndpointsChanged, Event

# As the `docker` command has it; left out, the source would look where that does.
daemon = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
docker = {"docker": {"daemon": daemon, "address": "host"}}
events: queue.SimpleQueue[Event] = queue.SimpleQueue()

with MeshClient("shop", discovery=docker, listeners=[events.put]) as mesh:
    response = mesh.get("http://users/")
    print("called:", response.extensions["mesh"].endpoint.url)
    event = events.get()
    while not isinstance(event, EndpointsChanged) or not event.removed:
        if isinstance(event, EndpointsChanged):
            for endpoint in event.added:
                print("found:", endpoint.url, dict(endpoint.metadata))
        event = events.get()
    print("gone:", event.removed[0].url)
    mesh.get("http://users/").raise_for_status()
