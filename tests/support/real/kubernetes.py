"""
A real kube-apiserver with an etcd of its own: lists, watches, bookmarks, 410, RBAC, tokens.

There are no nodes and no controllers, so the tests write the EndpointSlices themselves.
kube-apiserver 1.20, the newest that is built in a few minutes, has the kind in `v1beta1`
only. For `v1` the built-in API is switched off and a custom resource of the same name takes
its place: everything but the check of an object's fields is then as in later versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .etcd import Member
from .program import Program, find_program, free_port, wait_until

ADMIN = "an-admin-token"
GROUP = "discovery.k8s.io"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


class Cluster:
    """
    The API server at `url`, which serves EndpointSlices in *version*.

    `ca` is a file with its authority. Requests of the tests are those of an admin. It is
    used in `with`.
    """

    def __init__(self, directory: Path, *, version: str = "v1") -> None:
        program = find_program("kube-apiserver", "MESHLIB_TEST_KUBE_APISERVER")
        self.directory = directory
        self.version = version
        self.etcd = Member(directory, name="etcd-of-kubernetes")
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.authority = trustme.CA()
        self.ca = str(directory / "ca.crt")
        self.authority.cert_pem.write_to_path(self.ca)
        self._defined = False
        self.client = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {ADMIN}"},
            verify=_trust(self.authority),
            trust_env=False,
            timeout=30.0,
        )
        self.program = Program(
            [program, *self._arguments(directory)],
            ready=self._ready,
            log=directory / "kube-apiserver.log",
        )

    def _arguments(self, directory: Path) -> list[str]:
        leaf = self.authority.issue_cert("127.0.0.1", "kubernetes.test")
        leaf.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (directory / "accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        tokens = directory / "tokens.csv"
        tokens.write_text(f"{ADMIN},admin,admin,system:masters\n")
        settings = {
            "etcd-servers": self.etcd.url,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.port,
            "tls-cert-file": directory / "server.pem",
            "tls-private-key-file": directory / "server.pem",
            "client-ca-file": self.ca,
            "cert-dir": directory,
            "token-auth-file": tokens,
            "authorization-mode": "RBAC",
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-signing-key-file": directory / "accounts.key",
            "service-account-key-file": directory / "accounts.key",
            "disable-admission-plugins": "ServiceAccount",
            "profiling": "false",
        }
        if self.version == "v1":
            settings["runtime-config"] = f"{GROUP}/v1beta1=false"
        return [f"--{name}={value}" for name, value in settings.items()]

    def __enter__(self) -> Self:
        self.etcd.__enter__()
        try:
            self.program.start()
            if self.version == "v1":
                self._define()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.program.kill()
        self.client.close()
        self.etcd.__exit__(*exc_info)

    def _ready(self) -> bool:
        try:
            paths = ["/readyz", "/api/v1/namespaces/default"]
            if self._defined:
                paths.append(self.path("default"))
            return all(self.client.get(path).is_success for path in paths)
        except httpx.HTTPError:
            return False

    def _define(self) -> None:
        names = {
            "plural": "endpointslices",
            "singular": "endpointslice",
            "kind": "EndpointSlice",
            "listKind": "EndpointSliceList",
        }
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True}
        self.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {
                    "name": f"endpointslices.{GROUP}",
                    "annotations": {"api-approved.kubernetes.io": "unapproved, for tests only"},
                },
                "spec": {
                    "group": GROUP,
                    "scope": "Namespaced",
                    "names": names,
                    "versions": [{**version, "schema": {"openAPIV3Schema": anything}}],
                },
            },
        )
        self._defined = True
        wait_until("EndpointSlices are served", self._ready)

    def kill(self) -> None:
        """End the API server without a goodbye; its etcd goes on."""
        self.program.kill()

    def start(self) -> None:
        """Start it again."""
        self.program.start()

    def path(self, namespace: str, name: str = "") -> str:
        """Where the slices of *namespace* are, or the one called *name*."""
        slices = f"/apis/{GROUP}/{self.version}/namespaces/{namespace}/endpointslices"
        return f"{slices}/{name}" if name else slices

    def create(self, path: str, document: Mapping[str, Any]) -> Any:
        """Create an object; one that is there already is replaced."""
        response = self.client.post(path, json=document)
        if response.status_code == 409:
            path = f"{path}/{document['metadata']['name']}"
            version = self.client.get(path).json()["metadata"]["resourceVersion"]
            metadata = {**document["metadata"], "resourceVersion": version}
            response = self.client.put(path, json={**document, "metadata": metadata})
        assert response.is_success, response.text
        return response.json()

    def delete(self, path: str) -> None:
        """Delete an object; one that is not there is fine."""
        response = self.client.delete(path)
        assert response.is_success or response.status_code == 404, response.text

    def put_slice(
        self,
        service: str,
        name: str,
        *endpoints: Mapping[str, Any] | str,
        namespace: str = "default",
        ports: Sequence[Mapping[str, Any]] = ({"name": "http", "port": 80, "protocol": "TCP"},),
        family: str = "IPv4",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Write a slice of *service*, with addresses or whole endpoints; its version."""
        document = {
            "apiVersion": f"{GROUP}/{self.version}",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/service-name": service, **(labels or {})},
                "annotations": dict(annotations or {}),
            },
            "addressType": family,
            "ports": list(ports),
            "endpoints": [
                {"addresses": [one]} if isinstance(one, str) else dict(one) for one in endpoints
            ],
        }
        made = self.create(self.path(namespace), document)
        return str(made["metadata"]["resourceVersion"])

    def delete_slice(self, name: str, namespace: str = "default") -> None:
        """Delete a slice."""
        self.delete(self.path(namespace, name))

    def forget(self) -> None:
        """Have etcd forget every version but its newest, as it does of itself in time."""
        self.etcd.compact(self.etcd.set("unrelated", "value"))

    def kubeconfig(
        self, name: str, *, url: str = "", namespace: str = "default", **user: Any
    ) -> str:
        """A file that describes *user* at this server, or at *url*; default the admin."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "contexts": [
                {
                    "name": "tests",
                    "context": {"cluster": "real", "user": "one", "namespace": namespace},
                }
            ],
            "clusters": [
                {
                    "name": "real",
                    "cluster": {"server": url or self.url, "certificate-authority": self.ca},
                }
            ],
            "users": [{"name": "one", "user": user or {"token": ADMIN}}],
        }
        path = self.directory / name
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def account(self, name: str, *verbs: str, namespace: str = "default") -> None:
        """A ServiceAccount that may do *verbs* to the slices of its namespace."""
        self.create(
            f"/api/v1/namespaces/{namespace}/serviceaccounts",
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        )
        roles = f"{ROLES}/namespaces/{namespace}"
        rule = {"apiGroups": [GROUP], "resources": ["endpointslices"], "verbs": list(verbs)}
        api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        self.create(f"{roles}/roles", {**api, "kind": "Role", "rules": [rule] if verbs else []})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        self.create(
            f"{roles}/rolebindings",
            {**api, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference},
        )
        if "list" in verbs:
            who = {"Impersonate-User": f"system:serviceaccount:{namespace}:{name}"}
            slices = self.path(namespace)
            wait_until(
                f"the rights of {name} are in force",
                lambda: self.client.get(slices, headers=who).is_success,
            )

    def token(self, account: str, secret: str = "") -> str:
        """
        A new token of a ServiceAccount in the namespace `default`.

        With a *secret*, which is made, the token is revoked by deleting that.
        """
        spec: dict[str, Any] = {"expirationSeconds": 3600, "audiences": None}
        if secret:
            made = self.create(
                "/api/v1/namespaces/default/secrets",
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}},
            )
            bound = {"apiVersion": "v1", "kind": "Secret", "name": secret}
            spec["boundObjectRef"] = {**bound, "uid": made["metadata"]["uid"]}
        answer = self.create(
            f"/api/v1/namespaces/default/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        return str(answer["status"]["token"])


class Backend(Cluster):
    """A cluster as the tests of every source need it: each instance is a slice of its own."""

    name = "kubernetes"
    lag = 1.0
    survives = True

    def __enter__(self) -> Self:
        super().__enter__()
        self.spec = {
            "kubernetes": {"kubeconfig": self.kubeconfig("kubeconfig"), "labels": ["version"]}
        }
        return self

    def put(
        self, service: str, url: str, *, weight: int = 1, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Have *service* served at *url*; of *metadata* only labels can be told."""
        parts = urlsplit(url)
        self.put_slice(
            service,
            f"{service}-{parts.port}",
            str(parts.hostname),
            ports=[{"name": parts.scheme, "port": parts.port, "protocol": "TCP"}],
            labels=metadata,
            annotations={"meshlib/weight": str(weight)},
        )

    def remove(self, service: str, url: str) -> None:
        """Have *service* served at *url* no more."""
        self.delete_slice(f"{service}-{urlsplit(url).port}")


def _trust(authority: trustme.CA) -> Any:
    context = httpx.create_ssl_context(trust_env=False)
    authority.configure_trust(context)
    return context
