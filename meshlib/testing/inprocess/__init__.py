"""
Applications called where they are: ASGI and WSGI without a socket, and without a difference.

`InProcess` is an httpx transport that maps origins to applications, so that a mesh finds,
balances and retries them like any other endpoint:

    apps = InProcess({"http://users-1": app, "http://users-2": app})
    MeshClient("checkout", services={"users": ["http://users-1", "http://users-2"]},
               transport=apps)

A request travels over a pair of buffers as HTTP/1.1, spoken by httpcore on one side and by
a small h11 server on the other. So what an application's failure looks like is not imitated:
a response that breaks off, a head that never comes, a client that leaves in the middle are
the same as over a socket, and a test tells of the service as it will run.

Context variables are the one thing that a socket does not carry and this does: the
application sees a copy of its caller's, so that what a test has set up in them is there, and
what it sets is gone with the request. Whatever reaches a real service in headers only is
left out of the copy: deadlines, tenants, the context of OpenTelemetry. `share_context=False`
leaves out everything. What start-up wants to hand to requests goes into `scope["state"]`;
context variables set there stay there, as under a server.
"""

from ._endpoint import ASGIApp, ASGIEndpoint, WSGIApp, WSGIEndpoint
from ._errors import LifespanError
from ._transport import InProcess

__all__ = [
    "ASGIApp",
    "ASGIEndpoint",
    "InProcess",
    "LifespanError",
    "WSGIApp",
    "WSGIEndpoint",
]
