"""Prove in pytest that a checkout absorbs failures: `pytest examples/test_checkout.py`."""

import subprocess
import sys

import pytest

from meshlib import CallOptions, MeshClient


def checkout(client: MeshClient) -> str:
    """What is tested; it makes no difference to it that calls break."""
    pays = CallOptions(idempotent=True, fallback={"status": "queued"})
    response = client.post("payments", "/charge", extensions={"mesh": pays})
    return response.json()["status"]


@pytest.mark.mesh(cluster={"payments": {"status": "paid"}})
def test_a_short_outage_goes_unnoticed(fault):
    outage = fault("payments", status=503, times=2)
    with MeshClient("shop") as client:
        assert checkout(client) == "paid"
    outage.assert_fired(times=2)
    outage.assert_absorbed_by("retry")


@pytest.mark.mesh(cluster={"payments": {"status": "paid"}})
def test_a_long_outage_queues_the_order(fault, mesh_time):
    outage = fault("payments", delay=60)
    with MeshClient("shop") as client:
        assert checkout(client) == "queued"
    outage.assert_absorbed_by("fallback")
    assert mesh_time.elapsed < 20  # of virtual time; it took none


if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__]))
