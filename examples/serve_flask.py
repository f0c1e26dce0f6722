"""A Flask service: probes, a check of its own, and a call that degrades gracefully."""

import threading
from typing import Any

import httpx
from _replica import Replica
from flask import Flask
from werkzeug.serving import make_server

from meshlib import CallOptions
from meshlib.health import ProcessHealth
from meshlib.integrations import loopback
from meshlib.integrations.flask import MeshExtension, mesh_client

replica = Replica("recommendations")
health = ProcessHealth()
app = Flask("shop")
services = {"tips": [replica.url]}
extension = MeshExtension(app, "shop", services=services, health=health, details=loopback)
health.depends_on(extension.client, "tips", critical=False, cache=0)


@app.get("/for/<user>")
def for_user(user: str) -> Any:
    nothing = CallOptions(fallback={"items": []})
    return mesh_client().get("tips", f"/{user}", extensions={"mesh": nothing}).json()


server = make_server("127.0.0.1", 0, app, threaded=True)
with extension, httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as caller:
    threading.Thread(target=server.serve_forever).start()
    print(caller.get("/for/7").json())
    replica.stop()
    print([caller.get("/for/7").json() for _ in range(6)][-1], "by the fallback")
    print(caller.get("/health/ready").json())
    print(caller.get("/for/7", headers={"x-envoy-expected-rq-timeout-ms": "0"}).json())
    server.shutdown()
server.server_close()
