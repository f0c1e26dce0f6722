"""A FastAPI service: probes, a check of its own, and a call that degrades gracefully."""

import threading

import httpx
import uvicorn
from _replica import Replica
from fastapi import FastAPI

from meshlib import CallOptions
from meshlib.health import ProcessHealth
from meshlib.integrations import loopback
from meshlib.integrations.fastapi import MeshDependency, Meshed

replica = Replica("recommendations")
health = ProcessHealth()
meshed = Meshed("shop", services={"tips": [replica.url]}, health=health, details=loopback)
health.depends_on(meshed.client, "tips", critical=False, cache=0)
meshed.install(app := FastAPI())


@app.get("/for/{user}")
async def for_user(user: str, mesh: MeshDependency) -> object:
    options = {"mesh": CallOptions(fallback={"items": []})}
    return (await mesh.get("tips", f"/{user}", extensions=options)).json()


server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
threading.Thread(target=server.run).start()
while not server.started:
    threading.Event().wait(0.01)
host, port = server.servers[0].sockets[0].getsockname()
with httpx.Client(base_url=f"http://{host}:{port}") as caller:
    print(caller.get("/for/7").json())
    replica.stop()
    print([caller.get("/for/7").json() for _ in range(6)][-1], "by the fallback")
    print(caller.get("/health/ready").json())
    print(caller.get("/for/7", headers={"x-envoy-expected-rq-timeout-ms": "0"}).json())
server.should_exit = True
