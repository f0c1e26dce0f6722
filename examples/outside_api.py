"""An API that nobody configured: the same deadlines, retries and breakers, no discovery."""

import httpx
from _replica import Replica

from meshlib import CallOptions, MeshClient

api = Replica("api")
with MeshClient("billing") as client:
    answer = client.get(f"{api.url}/charges", extensions={"mesh": CallOptions(timeout=2.0)})
    print(answer.json())
    print(answer.extensions["mesh"])

    api.stop()
    try:
        client.get(f"{api.url}/charges")
    except httpx.ConnectError as exc:  # as httpx raises it, after three attempts
        print("gone:", exc)
