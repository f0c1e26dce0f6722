"""Policies that change while calls go on: by a patch, by a document, and back."""

from _replica import Replica

from meshlib import ConfigurationError, MeshClient

near, far = Replica("near"), Replica("far")
document = {"services": {"orders": {"endpoints": [near.url], "timeout": 3}}}

with MeshClient("shop", config=document) as client:
    mesh = client.mesh
    print("at first:", client.get("orders", "/").json()["from"])

    mesh.patch({"endpoints": [far.url], "breaker": {"consecutive_failures": 2}}, service="orders")
    print("patched:", client.get("orders", "/").json()["from"])
    assert mesh.config.services["orders"].timeout == 3  # what the patch does not say stays

    mesh.patch({"timeout": None}, service="orders")  # null: as inherited
    print("timeout:", mesh.config.services["orders"].timeout)

    try:
        mesh.patch({"services": {"orders": {"tiemout": 1}}})
    except ConfigurationError as error:
        print("refused:", error)

    mesh.apply(document)
    print("applied:", client.get("orders", "/").json()["from"])

near.stop()
far.stop()
