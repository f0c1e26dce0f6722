"""
Access from within a pod.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ._access import Access, AccessError, Pem, User

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where Kubernetes mounts the files of a pod's ServiceAccount."""


def read_in_cluster(directory: str, environ: Mapping[str, str]) -> Access:
    """
    The access that the files in *directory* and the variables of every pod describe.

    Blocks. Raises AccessError when this is no pod, or one without a ServiceAccount.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise AccessError(
            "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"
        )
    files = {name: os.path.join(directory, name) for name in ("token", "ca.crt", "namespace")}
    for name in ("token", "ca.crt"):
        if not os.path.exists(files[name]):
            raise AccessError(
                f"{files[name]} does not exist: let the pod mount the token of its ServiceAccount"
            )
    try:
        namespace = Path(files["namespace"]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError):
        namespace = ""
    return Access(
        address=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        origin=f"the ServiceAccount in {directory}",
        namespace=namespace or "default",
        authority=Pem(file=files["ca.crt"]),
        user=User(token_file=files["token"]),
    )
