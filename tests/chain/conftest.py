"""The row of services, started once for all tests, and who calls the first of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from meshlib import MeshClient
from support.chain import DOMAIN, Row
from support.otlp import Receiver, otlp_receiver

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

BROWNOUT = {"name": "brownout", "match": {"path": "/look/broken"}, "abort": {"status": 500}}


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Where the spans of all services go."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def row(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    """The three services; in the last of them a fault breaks `/look/broken`."""
    documents = {"stock": {"inbound": {"faults": [BROWNOUT]}}}
    with Row(tmp_path_factory.mktemp("row"), receiver=receiver.url, documents=documents) as row:
        yield row


@pytest.fixture(scope="session")
def files(row: Row) -> dict[str, str]:
    """The certificate of whoever may call the first service."""
    return row.issue("browser")


@pytest.fixture
def mesh(row: Row, files: dict[str, str]) -> Iterator[MeshClient]:
    """A client of the first service, `gateway`."""
    tls = {**files, "identity": f"{DOMAIN}/gateway"}
    services = {"gateway": {"endpoints": [row["gateway"].url], "tls": tls}}
    with MeshClient("browser", services=services) as client:
        yield client


@pytest.fixture
def plain(row: Row, files: dict[str, str]) -> Iterator[httpx.Client]:
    """The same client without a mesh, which waits for ever and sends what it is told."""
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["cert"], files["key"])
    url = row["gateway"].url
    with httpx.Client(base_url=url, verify=context, timeout=None, trust_env=False) as client:
        yield client
