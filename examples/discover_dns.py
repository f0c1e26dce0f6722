"""
Call what SRV records lead to, one endpoint for each address.

The records are those of `_http._tcp.users.example.com`, or of what USERS_NAME says. The
servers are the system's, or those of DNS_SERVERS, such as `127.0.0.1:5353,10.0.0.2`.
"""

import os

from meshlib import MeshClient

servers = os.environ.get("DNS_SERVERS")
SOURCE = {
    "dns": {
        "name": os.environ.get("USERS_NAME", "_http._tcp.{service}.example.com"),
        "servers": servers.split(",") if servers else None,
    }
}

with MeshClient(services={"users": {"discovery": SOURCE}}) as mesh:
    response = mesh.get("http://users/")
    print(response.status_code, response.text)

    for target in mesh.mesh.service("users").targets:
        endpoint = target.endpoint
        print(endpoint.url, endpoint.weight, endpoint.priority, endpoint.metadata["target"])
