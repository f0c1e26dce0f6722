"""A service that is told to go: it is not ready, and nobody is sent to it any more."""

from __future__ import annotations

from pathlib import Path

from meshlib import MeshClient
from support.chain import DOMAIN, Row
from support.otlp import Receiver
from support.real import wait_until
from support.real.registry import Backend


def test_a_service_that_drains_leaves_and_goes_on_to_serve(
    receiver: Receiver, tmp_path: Path
) -> None:
    """At the signal its readiness fails and it is deregistered; it serves until it ends."""
    row = Row(tmp_path, receiver=receiver.url)  # of which only one more is started
    with Backend(tmp_path) as registry:
        stock = row.another("stock", tmp_path, registry.url)
        tls = {**stock.document["server_tls"], "identity": f"{DOMAIN}/stock"}
        stock.start()
        try:
            services = {"stock": {"discovery": registry.spec, "tls": tls}}
            with MeshClient("probe", services=services) as client:
                wait_until("it is registered", lambda: {stock.url} == registry.urls("stock"))
                assert 200 == client.get("stock", "/health/ready").status_code
                stock.leave()
                wait_until("it has left", lambda: not registry.urls("stock"))
            direct = {"stock": {"endpoints": [stock.url], "tls": tls}}
            with MeshClient("probe", services=direct) as client:
                ready = client.get("stock", "/health/ready")
                assert (503, {"status": "fail"}) == (ready.status_code, ready.json())
                assert 200 == client.get("stock", "/health/live").status_code
            stock.leave()  # a second signal does not wait for the drain
            wait_until("it has ended", stock.has_ended)
        finally:
            stock.stop()
