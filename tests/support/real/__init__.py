"""
Real servers that tests start themselves: etcd, Consul, name servers, Kubernetes, Docker.

Each module here has a class `Backend`, one server of a kind with what the tests of every
kind need; `backend.py` says what that is. A test is skipped, with the reason, when the
program is not on the machine.
"""

from .backend import Backend, backend
from .program import Program, find_program, free_port, wait_until

__all__ = ["Backend", "Program", "backend", "find_program", "free_port", "wait_until"]
