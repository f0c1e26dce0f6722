"""Every way to say who we are, to a real API server."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from meshlib import DiscoveryError
from meshlib.discovery.kubernetes import KubernetesDiscovery
from support import ScriptedServer
from support.proxies import http_proxy
from support.real.following import Following, first, following
from support.real.kubernetes import ADMIN, ROLES, Cluster
from support.real.relay import Relay

URL = "http://10.0.0.1:80"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One API server with a service, and a ServiceAccount that may read where it is."""
    with Cluster(tmp_path_factory.mktemp("kubernetes")) as made:
        made.put_slice("users", "users-1", "10.0.0.1")
        made.account("reader", "list", "watch")
        yield made


@pytest.fixture
def pod(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files and variables of a pod that runs as the reader."""
    address = urlsplit(cluster.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    (tmp_path / "token").write_text(cluster.token("reader") + "\n")
    (tmp_path / "namespace").write_text("default\n")
    (tmp_path / "ca.crt").write_bytes(Path(cluster.ca).read_bytes())
    return tmp_path


async def found(source: KubernetesDiscovery) -> list[str]:
    """Where the service is."""
    return [endpoint.url for endpoint in await first(source, "users")]


async def test_a_pod_needs_no_settings(
    pod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no kubeconfig, the files of the ServiceAccount are read."""
    monkeypatch.setattr("meshlib.discovery.kubernetes._login.SERVICE_ACCOUNT", os.fspath(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    assert [URL] == await found(KubernetesDiscovery())


async def test_a_token_that_is_replaced_is_used(
    cluster: Cluster, pod: Path, anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch goes on with the new token, when the old one may do nothing any more."""
    names = [f"{which}-{anyio_backend_name}" for which in ("old", "new")]
    for name in names:
        cluster.account(name, "list", "watch")
    tokens = [cluster.token(name) for name in names]
    (pod / "token").write_text(tokens[0])
    service = f"rotated-{anyio_backend_name}"
    cluster.put_slice(service, service, "10.0.0.1")
    with Relay(cluster.port) as relay:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(urlsplit(relay.url).port))
        source = KubernetesDiscovery(service_account=pod, watch_timeout=1)
        async with following(source, service) as seen:
            await seen.until_urls(URL)
            (pod / "token.new").write_text(tokens[1])
            (pod / "token.new").replace(pod / "token")  # at once, as a kubelet does
            await another_watch(seen)  # may have read the old one, and no later watch has
            cluster.delete(f"{ROLES}/namespaces/default/rolebindings/{names[0]}")
            await another_watch(seen)
            cluster.put_slice(service, service, "10.0.0.2")
            await seen.until_urls("http://10.0.0.2:80")


async def another_watch(seen: Following) -> None:
    """Wait for a watch to run its time, which gives the list again."""
    lists = len(seen.lists)
    await seen.until(lambda: len(seen.lists) > lists)


async def test_a_revoked_token_is_read_again_at_once(
    cluster: Cluster, pod: Path, anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 is no failure when another token stands in the file by then."""
    secret = f"revoked-{anyio_backend_name}"
    old, new = cluster.token("reader", secret), (pod / "token").read_text()
    cluster.delete(f"/api/v1/namespaces/default/secrets/{secret}")
    (pod / "token").write_text(old)
    source = KubernetesDiscovery(service_account=pod)
    with pytest.raises(DiscoveryError, match=r"does not accept our credentials \(401\)") as error:
        await found(source)
    assert old not in str(error.value)

    refused: list[object] = []
    renewed = source._login.renewed

    async def replace_and_renew(session: Any) -> Any:
        refused.append(session)
        (pod / "token").write_text(new)
        return await renewed(session)

    monkeypatch.setattr(source._login, "renewed", replace_and_renew)
    assert [URL] == await found(source)
    assert 1 == len(refused)
    assert old not in repr(refused)


async def test_a_refusal_says_what_to_grant(cluster: Cluster, pod: Path) -> None:
    """The error has the verbs, the resource and the namespace, and what the server said."""
    cluster.account("stranger")
    (pod / "token").write_text(cluster.token("stranger"))
    with pytest.raises(DiscoveryError) as error:
        await found(KubernetesDiscovery(service_account=pod))
    said = str(error.value)
    assert "does not let us list endpointslices (403)" in said
    assert "grant list and watch on endpointslices" in said
    assert "in the namespace default" in said
    assert "system:serviceaccount:default:stranger" in said


async def test_a_list_without_a_watch_is_a_failure_that_is_told(
    cluster: Cluster, pod: Path
) -> None:
    """Who may list but not watch gets a list, and the reason why there is no other."""
    cluster.account("lister", "list")
    (pod / "token").write_text(cluster.token("lister"))
    async with following(KubernetesDiscovery(service_account=pod), "users") as seen:
        error = await seen.until_error()
    assert {URL} == seen.urls
    assert "does not let us watch endpointslices (403)" in str(error)


def certificates(cluster: Cluster, directory: Path, **subject: str) -> tuple[Path, Path]:
    """A client certificate of *subject*, and its key."""
    leaf = cluster.authority.issue_cert("client.test", common_name="someone", **subject)
    certificate, key = directory / "client.crt", directory / "client.key"
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    return certificate, key


def as_files(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """A user with a certificate in files, which are relative to the kubeconfig."""
    certificate, key = certificates(cluster, directory, organization_name="system:masters")
    paths = {"client-certificate": certificate, "client-key": key}
    return {name: os.path.relpath(path, cluster.directory) for name, path in paths.items()}


def as_data(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """A user with a certificate in the kubeconfig itself."""
    certificate, key = certificates(cluster, directory, organization_name="system:masters")
    paths = {"client-certificate-data": certificate, "client-key-data": key}
    return {name: base64.b64encode(path.read_bytes()).decode() for name, path in paths.items()}


def as_token_file(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """A user with a token in a file, which wins over the one in the kubeconfig."""
    (directory / "a-token").write_text(ADMIN)
    return {"tokenFile": str(directory / "a-token"), "token": "outdated"}


def as_another(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """An admin who acts as somebody with less rights."""
    return {"token": ADMIN, "as": "system:serviceaccount:default:reader", "as-groups": ["a", "b"]}


def plugin(directory: Path, version: str = "v1", **status: Any) -> dict[str, Any]:
    """A user with a plug-in that prints *status*, and notes each time it runs."""
    program = directory / "plugin"
    api = f"client.authentication.k8s.io/{version}"
    document = {"apiVersion": api, "kind": "ExecCredential", "status": status}
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"runs = open({str(directory / 'runs')!r}, 'a')\n"
        "print(os.environ['KUBERNETES_EXEC_INFO'], file=runs)\n"
        "assert (sys.argv[1:], os.environ['EXTRA']) == (['get', 'token'], 'more')\n"
        f"print({json.dumps(document)!r})\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    run = {"apiVersion": api, "command": str(program), "args": ["get", "token"]}
    more = {"env": [{"name": "EXTRA", "value": "more"}], "provideClusterInfo": True}
    return {"exec": {**run, **more, "interactiveMode": "Never"}}


def runs(directory: Path) -> list[dict[str, Any]]:
    """What the plug-in was told, each time it ran."""
    return [json.loads(line) for line in (directory / "runs").read_text().splitlines()]


def as_plugin(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """A user whose token a program prints."""
    return plugin(directory, token=ADMIN)


def as_older_plugin(cluster: Cluster, directory: Path) -> dict[str, Any]:
    """A user whose certificate a program prints."""
    certificate, key = certificates(cluster, directory, organization_name="system:masters")
    return plugin(
        directory,
        "v1beta1",
        clientCertificateData=certificate.read_text(),
        clientKeyData=key.read_text(),
    )


@pytest.mark.parametrize(
    "user", [as_files, as_data, as_token_file, as_another, as_plugin, as_older_plugin]
)
async def test_each_kind_of_user_is_let_in(
    cluster: Cluster, tmp_path: Path, user: Callable[[Cluster, Path], dict[str, Any]]
) -> None:
    """Whatever a kubeconfig may say of a user, the real server accepts."""
    file = cluster.kubeconfig("a-user", **user(cluster, tmp_path))
    assert [URL] == await found(KubernetesDiscovery(kubeconfig=file))


async def test_a_plugin_runs_once_for_many(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it printed is good until it expires, for all services; it is told of the cluster."""
    caplog.set_level(logging.DEBUG)
    user = plugin(tmp_path, token=ADMIN, expirationTimestamp="2999-01-01T00:00:00Z")
    source = KubernetesDiscovery(kubeconfig=cluster.kubeconfig("a-plugin", **user))
    async with following(source, "users") as one, following(source, "others") as two:
        await one.until(lambda: one.lists)
        await two.until(lambda: two.lists)
    (told,) = runs(tmp_path)
    assert cluster.url == told["spec"]["cluster"]["server"]
    authority = cluster.authority.cert_pem.bytes()
    assert authority == base64.b64decode(told["spec"]["cluster"]["certificate-authority-data"])
    assert told["spec"]["interactive"] is False
    assert ADMIN not in caplog.text


async def test_a_plugin_runs_again_when_its_token_expired_or_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Once for each request with an old token; a refused one is asked for again, once."""
    user = plugin(tmp_path, token=ADMIN, expirationTimestamp="2020-01-01T00:00:00+00:00")
    file = cluster.kubeconfig("an-expired-plugin", **user)
    source = KubernetesDiscovery(kubeconfig=file)
    for _ in range(2):
        await found(source)
    assert 2 == len(runs(tmp_path))
    plugin(tmp_path, token="nobody-knows")
    with pytest.raises(DiscoveryError, match="401"):
        await found(source)
    assert 4 == len(runs(tmp_path))


async def test_a_stranger_gets_no_token(cluster: Cluster, tmp_path: Path) -> None:
    """A server with the certificate of somebody else gets no token."""
    other = type(cluster.authority)()
    other.cert_pem.write_to_path(tmp_path / "other.crt")
    file = changed(cluster, tmp_path, **{"certificate-authority": str(tmp_path / "other.crt")})
    with pytest.raises(DiscoveryError, match=r"CERTIFICATE_VERIFY_FAILED") as error:
        await found(KubernetesDiscovery(kubeconfig=file))
    assert ADMIN not in str(error.value)


def changed(cluster: Cluster, directory: Path, **settings: Any) -> str:
    """A kubeconfig of the admin, whose cluster has other *settings*; None leaves one out."""
    document = yaml.safe_load(Path(cluster.kubeconfig("changed")).read_text())
    known = document["clusters"][0]["cluster"]
    known.update(settings)
    document["clusters"][0]["cluster"] = {k: v for k, v in known.items() if v is not None}
    path = directory / "changed"
    path.write_text(json.dumps(document))
    return str(path)


async def test_the_settings_of_a_cluster_count(cluster: Cluster, tmp_path: Path) -> None:
    """Its authority as data, no verification, and another name than the address."""
    authority = base64.b64encode(cluster.authority.cert_pem.bytes()).decode()
    elsewhere = cluster.url.replace("127.0.0.1", "localhost")
    for settings in (
        {"certificate-authority": "ignored", "certificate-authority-data": authority},
        {"certificate-authority": None, "insecure-skip-tls-verify": True, "server": elsewhere},
        {"server": elsewhere, "tls-server-name": "kubernetes.test"},
    ):
        file = changed(cluster, tmp_path, **settings)
        assert [URL] == await found(KubernetesDiscovery(kubeconfig=file))
    file = changed(cluster, tmp_path, server=elsewhere)
    with pytest.raises(DiscoveryError, match="CERTIFICATE_VERIFY_FAILED"):
        await found(KubernetesDiscovery(kubeconfig=file))


async def test_a_proxy_is_used(
    cluster: Cluster, tmp_path: Path, serve: Callable[..., ScriptedServer]
) -> None:
    """`proxy-url` is asked for a tunnel, with its credentials, which no message has."""
    basic = base64.b64encode(b"me:secret").decode()
    proxy = serve(http_proxy(credentials=f"Basic {basic}"))
    url = proxy.url.replace("//", "//me:secret@")
    file = changed(cluster, tmp_path, **{"proxy-url": url})
    assert [URL] == await found(KubernetesDiscovery(kubeconfig=file))
    assert proxy.requests
    file = changed(cluster, tmp_path, **{"proxy-url": url.replace("secret", "wrong-secret")})
    with pytest.raises(DiscoveryError) as error:
        await found(KubernetesDiscovery(kubeconfig=file))
    assert "secret" not in str(error.value)


def test_the_reader_sees_nothing_else(cluster: Cluster) -> None:
    """The rights that the documentation names are enough, and are few."""
    token = cluster.token("reader")
    headers = {"authorization": f"Bearer {token}"}
    for path, status in [(cluster.path("default"), 200), ("/api/v1/namespaces/default/pods", 403)]:
        assert status == cluster.client.get(path, headers=headers).status_code
