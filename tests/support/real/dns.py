"""A real name server: Knot, with zones that are changed while it runs (RFC 2136)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update

from .program import Program, find_program, free_port

ZONE = "mesh.test"
OTHER_ZONE = "other.test"
TTL = 1

_CONFIGURATION = """
server:
  rundir: {directory}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {directory}
log:
- target: stderr
  any: warning
acl:
- id: update
  address: 127.0.0.1
  action: [update]
zone:
"""
_ZONE = """
- domain: {zone}
  storage: {directory}
  file: {zone}.zone
  acl: update
  zonefile-sync: -1
  journal-content: changes
  zonefile-load: whole
"""
_RECORDS = """
$ORIGIN {zone}.
$TTL {ttl}
@ SOA ns root 1 3600 600 86400 {ttl}
@ NS ns
ns A 127.0.0.1
"""


class Backend:
    """A server of the zones `mesh.test` and `other.test`, on a free port of 127.0.0.1."""

    name = "dns"
    lag = TTL + 1.0
    survives = True

    def __init__(self, directory: Path) -> None:
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        text = _CONFIGURATION.format(directory=directory, port=self.port)
        for zone in (ZONE, OTHER_ZONE):
            text += _ZONE.format(directory=directory, zone=zone)
            records = _RECORDS.format(zone=zone, ttl=TTL)
            (directory / f"{zone}.zone").write_text(records, encoding="ascii")
        configuration = directory / "knot.conf"
        configuration.write_text(text, encoding="utf-8")
        knotd = find_program("knotd", "MESHLIB_TEST_KNOTD", "/usr/sbin/knotd")
        self.program = Program(
            [knotd, "-c", str(configuration)], ready=self._answers, log=directory / "knot.log"
        )

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.program.stop()

    @property
    def spec(self) -> Any:
        """The source in a document."""
        return {"dns": {"name": f"_http._tcp.{{service}}.{ZONE}", "servers": [self.address]}}

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """An SRV record; metadata has no place in it."""
        owner, target = f"_http._tcp.{service}", _target(url)
        change = self.change()
        for known in self.records(f"{owner}.{ZONE}", "SRV"):
            if known.endswith(f" {target}.{ZONE}."):
                change.delete(owner, "SRV", known)
        change.replace(target, TTL, "A", str(urlsplit(url).hostname))
        change.add(owner, TTL, "SRV", f"0 {weight} {urlsplit(url).port} {target}")
        self.send(change)

    def remove(self, service: str, url: str) -> None:
        """Take the SRV record away, and leave its target's address."""
        owner, change = f"_http._tcp.{service}", self.change()
        for known in self.records(f"{owner}.{ZONE}", "SRV"):
            if known.endswith(f" {_target(url)}.{ZONE}."):
                change.delete(owner, "SRV", known)
        self.send(change)

    def kill(self) -> None:
        """End the server without a goodbye."""
        self.program.kill()

    def start(self) -> None:
        """Start it again; its journal has all changes."""
        self.program.start()

    def change(self, zone: str = ZONE) -> dns.update.UpdateMessage:
        """A change of *zone*, for `send`."""
        return dns.update.UpdateMessage(zone)

    def send(self, change: dns.update.UpdateMessage) -> None:
        """Have *change* made."""
        answer = dns.query.tcp(change, "127.0.0.1", port=self.port, timeout=10)
        assert dns.rcode.NOERROR == answer.rcode(), answer.to_text()

    def set(self, name: str, kind: str, *records: str, ttl: int = TTL, zone: str = ZONE) -> None:
        """Have *name* in *zone* have just these *records* of the *kind*."""
        change = self.change(zone)
        change.delete(name, kind)
        for record in records:
            change.add(name, ttl, kind, record)
        self.send(change)

    def records(self, name: str, kind: str) -> list[str]:
        """What the server says of *name*."""
        query = dns.message.make_query(name, kind)
        answer = dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=10)
        wanted = dns.rdatatype.from_text(kind)
        return [str(one) for rrset in answer.answer if rrset.rdtype == wanted for one in rrset]

    def _answers(self) -> bool:
        try:
            return bool(self.records(f"ns.{ZONE}", "A") and self.records(f"ns.{OTHER_ZONE}", "A"))
        except (dns.exception.DNSException, EOFError):
            return False


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"host-{str(parts.hostname).replace('.', '-')}-{parts.port}"


def _free_port() -> int:
    """A port that is free for UDP and TCP alike."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
