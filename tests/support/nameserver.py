"""A name server that answers as a test says, by UDP and TCP, for what a real one never does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

Answer = Callable[[dns.message.Message, bool], "dns.message.Message | bytes | None"]
"""Takes the question and whether it came by TCP; None is no answer at all."""


class NameServer:
    """
    Answers on a free port of 127.0.0.1 in threads of its own, while the context lasts.

    `asked` has each question as `name kind udp`, in order.
    """

    def __init__(self, answer: Answer, *, tcp: bool = True) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.sizes: list[int] = []
        """The payload that each question allows, -1 without EDNS."""
        self._udp, self._tcp = _sockets(tcp)
        self.address = f"127.0.0.1:{self._udp.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve_udp, daemon=True)]
        if self._tcp is not None:
            self._threads.append(threading.Thread(target=self._serve_tcp, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._udp.getsockname())
        if self._tcp is not None:
            with socket.create_connection(self._tcp.getsockname()):
                pass
        for thread in self._threads:
            thread.join()
        self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            wire, peer = self._udp.recvfrom(65535)
            if not wire:
                return
            answer = self._answer(wire, False)
            if answer is not None:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        assert self._tcp is not None
        while True:
            connection, _ = self._tcp.accept()
            with connection, connection.makefile("rb") as stream:
                head = stream.read(2)
                if not head:
                    return
                answer = self._answer(stream.read(struct.unpack("!H", head)[0]), True)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, wire: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{question.name} {kind} {'tcp' if tcp else 'udp'}")
        self.sizes.append(query.payload if query.edns >= 0 else -1)
        answer = self.answer(query, tcp)
        return answer.to_wire() if isinstance(answer, dns.message.Message) else answer


def _sockets(tcp: bool) -> tuple[socket.socket, socket.socket | None]:
    """Sockets on one port."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        if not tcp:
            return udp, None
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


def says(*records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, more: str = "") -> Answer:
    """
    An answer of *records* that fit the question, each as `name ttl kind data`.

    A `+` before a record puts it in the additional section, a `!` in the authority, and a
    `=` in the answer whatever was asked. Flags *more* are set, such as `TC`.
    """

    def answer(query: dns.message.Message, tcp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        if more:
            response.flags |= dns.flags.from_text(more)
        (question,) = query.question
        for text in records:
            name, ttl, kind, data = text.lstrip("+!=").split(" ", 3)
            owner = dns.name.from_text(name)
            section = {"+": response.additional, "!": response.authority}.get(
                text[0], response.answer
            )
            fits = owner == question.name and question.rdtype == dns.rdatatype.from_text(kind)
            if text[0] not in "+!=" and not fits:
                continue
            rdtype = dns.rdatatype.from_text(kind)
            rrset = response.find_rrset(
                section, owner, dns.rdataclass.IN, rdtype, create=True, force_unique=False
            )
            rrset.update_ttl(int(ttl))
            rrset.add(dns.rdata.from_text("IN", kind, data, dns.name.root, relativize=False))
        return response

    return answer
