"""
Call the pods of a Kubernetes Service by its name, without a proxy between.

In a pod it uses the ServiceAccount; elsewhere KUBECONFIG or ~/.kube/config, as kubectl.
The Service is `users`, or what USERS_SERVICE says, such as `users.shop`.
"""

import os

from meshlib import MeshClient

SOURCE = {"kubernetes": {"service": os.environ.get("USERS_SERVICE", "users")}}

with MeshClient(services={"users": {"discovery": SOURCE}}) as mesh:
    response = mesh.get("http://users/")
    print(response.status_code, response.text)

    for url, endpoint in mesh.mesh.metrics().services["users"].endpoints.items():
        print(url, endpoint)
