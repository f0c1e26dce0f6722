"""Kubeconfigs, plug-ins and the files of a pod, without any cluster."""

from __future__ import annotations

import base64
import copy
import json
import math
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.kubernetes import _plugin as plugin_module
from meshlib.discovery.kubernetes._access import NO_PEM, Access, AccessError, Pem, Plugin, User
from meshlib.discovery.kubernetes._kubeconfig import find_files, read_files, select_access
from meshlib.discovery.kubernetes._login import Login
from meshlib.discovery.kubernetes._plugin import read_issued, run_plugin
from meshlib.discovery.kubernetes._trust import make_context

SECRET = "secret-of-mine"
DATA = base64.b64encode(b"-----PEM-----").decode()
VERSION = "client.authentication.k8s.io/v1"


def document(**settings: Any) -> dict[str, Any]:
    """A kubeconfig with one of each; *settings* of `cluster`, `user` and `context` win."""
    cluster = {"server": "https://cluster:6443", **settings.get("cluster", {})}
    context = {"cluster": "c", "user": "u", **settings.get("context", {})}
    user = settings.get("user", {"token": SECRET})
    return {
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": context}],
        "users": [{"name": "u", "user": user}],
    }


def access_of(**settings: Any) -> Access:
    """The access of such a kubeconfig, in the folder `/etc/kube`."""
    return select_access([("/etc/kube/config", document(**settings))])


def test_a_context_leads_to_cluster_and_user() -> None:
    """Paths are relative to the file, data wins over files, and nothing secret is shown."""
    access = access_of(
        cluster={
            "certificate-authority": "ca.crt",
            "tls-server-name": "kubernetes",
            "server": "https://cluster:6443/prefix/",
        },
        context={"namespace": "shop"},
        user={
            "client-certificate": "/client.crt",
            "client-key": "ignored",
            "client-key-data": DATA,
            "tokenFile": "token",
            "token": SECRET,
            "username": "me",
            "password": SECRET,
        },
    )
    assert "https://cluster:6443/prefix" == access.address
    assert ("shop", "kubernetes") == (access.namespace, access.server_name)
    assert Pem(file="/etc/kube/ca.crt") == access.authority
    assert Pem(file="/client.crt") == access.user.certificate
    assert Pem(text="-----PEM-----") == access.user.key
    assert ("/etc/kube/token", "me") == (access.user.token_file, access.user.username)
    assert SECRET not in repr(access)
    assert "PEM-" not in repr(access)


def test_a_context_may_have_no_user() -> None:
    """A cluster may let everybody in, as a proxy on this machine does."""
    access = access_of(context={"user": ""}, cluster={"server": "http://127.0.0.1:8001"})
    assert User() == access.user
    assert "default" == access.namespace


def test_the_first_file_that_names_something_decides_it() -> None:
    """As kubectl merges the files of KUBECONFIG: whole entries, not single settings."""
    first = {
        "contexts": [{"name": "x", "context": {"cluster": "c", "namespace": "first"}}],
        "users": [{"name": "u", "user": {}}],
    }
    second = {**document(), "current-context": "other"}
    access = select_access([("/a", first), ("/b", None), ("/c", second)], "x")
    assert ("https://cluster:6443", "first") == (access.address, access.namespace)
    assert User() == access.user
    assert "/a, /b, /c" in access.origin
    third = {**document(), "current-context": "x"}
    with pytest.raises(AccessError, match="no context 'other'; known are x"):
        select_access([("/c", second), ("/d", third)])


def test_an_impersonation_is_sent() -> None:
    """Who leaves it out acts with other rights than the file says."""
    user = {
        "as": "a",
        "as-uid": "1",
        "as-groups": ["b", "c"],
        "as-user-extra": {"Scope/x": ["d", "e"]},
    }
    assert (
        ("Impersonate-User", "a"),
        ("Impersonate-Uid", "1"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Group", "c"),
        ("Impersonate-Extra-Scope%2Fx", "d"),
        ("Impersonate-Extra-Scope%2Fx", "e"),
    ) == access_of(user=user).user.headers


@pytest.mark.parametrize(
    ("command", "expected"),
    [("get-token", "get-token"), ("./bin/get", "/etc/kube/./bin/get"), ("/bin/get", "/bin/get")],
)
def test_a_plugin_is_found(command: str, expected: str) -> None:
    """On the PATH, or beside the kubeconfig when there is a folder in it."""
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    run = {
        "apiVersion": VERSION,
        "command": command,
        "args": ["-v"],
        "env": [{"name": "A", "value": SECRET}, {"name": "B"}],
        "provideClusterInfo": True,
        "installHint": "install it",
    }
    access = access_of(
        user={"exec": run}, cluster={"extensions": [1, {"name": "other"}, extension]}
    )
    assert access.user.plugin == Plugin(
        command=expected,
        arguments=("-v",),
        variables=(("A", SECRET), ("B", "")),
        version=VERSION,
        tells_cluster=True,
        config='{"audience": "a"}',
        hint="install it",
    )
    assert SECRET not in repr(access)


RUN = {"apiVersion": VERSION, "command": "x"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cluster": {"server": ""}}, "cluster c names no server"),
        ({"cluster": {"server": "cluster:6443"}}, "no address"),
        ({"cluster": {"server": "https://a:port"}}, "no address"),
        ({"cluster": {"server": f"https://me:{SECRET}@a"}}, "no address"),
        ({"cluster": {"server": 1}}, "no text under server"),
        ({"cluster": {"insecure-skip-tls-verify": "yes"}}, "neither true nor false"),
        ({"cluster": {"certificate-authority-data": "%"}}, "no base64"),
        (
            {"cluster": {"insecure-skip-tls-verify": True, "certificate-authority": "a"}},
            "both certificate-authority and",
        ),
        ({"cluster": {"tls-server-name": "a", "proxy-url": "b"}}, "do not go together"),
        ({"context": {"cluster": "d"}}, "no cluster 'd'; known are c"),
        ({"context": {"user": "d"}}, "no user 'd'; known are u"),
        ({"user": [SECRET]}, "user u is no mapping"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "use exec"),
        ({"user": {"client-key-data": DATA}}, "needs both"),
        ({"user": {"token": [SECRET]}}, "no text under token"),
        ({"user": {"as-groups": SECRET}}, "no list under as-groups"),
        ({"user": {"as-groups": [1]}}, "something else than texts"),
        ({"user": {"exec": {"command": "x"}}}, "names no apiVersion"),
        ({"user": {"exec": {**RUN, "apiVersion": "v1alpha1"}}}, "none of client.auth"),
        ({"user": {"exec": {**RUN, "interactiveMode": "Always"}}}, "needs a terminal"),
        ({"user": {"exec": {**RUN, "env": [SECRET]}}}, "exec: env is no mapping"),
        ({"user": {"exec": {**RUN, "env": [{"value": SECRET}]}}}, "names no name"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_without_secrets(settings: dict[str, Any], says: str) -> None:
    """With the file and the name of the part, and no value."""
    with pytest.raises(AccessError, match=says) as error:
        access_of(**settings)
    assert "/etc/kube/config" in str(error.value)
    assert SECRET not in str(error.value)


def test_what_a_plugin_is_told_must_be_json() -> None:
    """YAML has more than that, such as dates."""
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {1: math.inf, "a": {1}}}
    with pytest.raises(AccessError, match="no JSON"):
        access_of(user={"exec": RUN}, cluster={"extensions": [extension]})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "is no mapping"),
        ({"users": 1}, "no list of users"),
        ({"users": [1]}, "a user without a name"),
        ({"clusters": [{"name": 1}]}, "a cluster without a name"),
        ({}, "no current-context; choose one by `context`"),
    ],
    ids=str,
)
def test_a_file_of_another_kind_is_an_error(content: Any, says: str) -> None:
    """It names the file."""
    with pytest.raises(AccessError, match=says) as error:
        select_access([("/etc/kube/config", content)])
    assert "/etc/kube/config" in str(error.value)


def test_files_are_those_of_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of KUBECONFIG once; else the one in the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [str(tmp_path / ".kube" / "config")] == find_files({"KUBECONFIG": ""})
    paths = os.pathsep.join(["/b", "", "/a", "/b"])
    assert ["/b", "/a"] == find_files({"KUBECONFIG": paths})


def test_a_missing_file_matters_when_it_is_asked_for(tmp_path: Path) -> None:
    """One of KUBECONFIG may be missing; the one of the setting may not."""
    (tmp_path / "there").write_text("a: 1")
    paths = [str(tmp_path / "missing"), str(tmp_path / "there")]
    assert [(paths[1], {"a": 1})] == read_files(paths, needed=False)
    with pytest.raises(AccessError, match="does not exist"):
        read_files(paths, needed=True)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """What stands in it is not quoted."""
    with pytest.raises(AccessError, match="cannot be read: Is a directory"):
        read_files([str(tmp_path)], needed=False)
    for content in (f"token: '{SECRET}".encode(), b"\xff\xfe\xff", b"a: 2026-99-99"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(AccessError, match="is not YAML") as error:
            read_files([str(tmp_path / "bad")], needed=False)
        assert SECRET not in str(error.value)
        assert error.value.__cause__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(DATA),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
WHOLE = document(
    cluster={
        "certificate-authority-data": DATA,
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": 1}],
    },
    user={
        "as": "a",
        "as-user-extra": {"a": ["b"]},
        "exec": {**RUN, "env": [{"name": "a", "value": "b"}], "args": ["a"]},
    },
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in *value*."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@given(st.sampled_from(places(WHOLE)), JSON)
def test_whatever_a_kubeconfig_says_is_an_access_or_an_error(path: Any, value: Any) -> None:
    """No document makes another exception than an AccessError."""
    content: Any = {"top": copy.deepcopy(WHOLE)}
    target = content
    for key in ("top", *path)[:-1]:
        target = target[key]
    target[("top", *path)[-1]] = value
    try:
        select_access([("/etc/kube/config", content["top"])])
    except AccessError:
        pass


@given(JSON | st.fixed_dictionaries({"apiVersion": st.just(VERSION), "status": JSON}))
def test_whatever_a_plugin_prints_is_credentials_or_an_error(value: Any) -> None:
    """No text makes another exception than an AccessError."""
    try:
        read_issued(Plugin(command="x"), json.dumps(value).encode())
    except AccessError:
        pass


def printed(version: str = VERSION, **status: Any) -> bytes:
    """What a plug-in prints."""
    document = {"apiVersion": version, "kind": "ExecCredential", "status": status}
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no ExecCredential"),
        (b'{"status": {"token": "x"}}', "no ExecCredential"),
        (printed("v1beta1", token=SECRET), "another version"),
        (printed(token=[SECRET]), "no texts"),
        (printed(), "neither a token nor"),
        (printed(token=SECRET, clientKeyData="x"), "neither a token nor"),
        (printed(clientCertificateData=SECRET), "neither a token nor"),
        (printed(token=SECRET, expirationTimestamp="soon"), "expirationTimestamp"),
        (printed(token=SECRET, expirationTimestamp=1), "expirationTimestamp"),
    ],
    ids=str,
)
def test_what_a_plugin_may_not_print_is_an_error(output: bytes, says: str) -> None:
    """It names the program, and quotes nothing."""
    with pytest.raises(AccessError, match=says) as error:
        read_issued(Plugin(command="get-token"), output)
    assert "get-token" in str(error.value)
    assert SECRET not in str(error.value)


def test_credentials_are_good_until_their_date() -> None:
    """Or for ever; a date without a zone is not one of RFC 3339, and is that of this machine."""
    issued = read_issued(
        Plugin(command="x"), printed(token="t", expirationTimestamp="1970-01-01T01:00:00+01:00")
    )
    assert 0.0 == issued.until
    assert math.inf == read_issued(Plugin(command="x"), printed(token="t")).until


def script(directory: Path, text: str) -> str:
    """A program in Python."""
    path = directory / "program"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


ACCESS = Access(address="https://a", origin="here", user=User())


async def test_a_plugin_that_fails_is_an_error(tmp_path: Path) -> None:
    """With the last line that it wrote for people, and how to install it."""
    text = f"import sys; print({SECRET!r}); sys.exit('first\\nlog in again')"
    with pytest.raises(AccessError, match=r"ended with 1: log in again") as error:
        await run_plugin(Plugin(command=script(tmp_path, text)), ACCESS)
    assert SECRET not in str(error.value)
    with pytest.raises(AccessError, match=r"missing cannot be run: No such file.*; get it"):
        await run_plugin(Plugin(command=str(tmp_path / "missing"), hint="get it"), ACCESS)
    with pytest.raises(AccessError, match="cannot be run: embedded null byte"):
        await run_plugin(Plugin(command="a\0b"), ACCESS)


async def test_a_plugin_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up after a time, and ended."""
    monkeypatch.setattr(plugin_module, "_PATIENCE", 0.05)
    text = "import signal; signal.pause()"
    with pytest.raises(AccessError, match=r"took more than 0\.05 s"):
        await run_plugin(Plugin(command=script(tmp_path, text)), ACCESS)


async def test_a_plugin_is_told_of_the_cluster_when_it_wants(tmp_path: Path) -> None:
    """As the documentation has it, with the authority as data."""
    told = f"open({str(tmp_path / 'told')!r}, 'w')"
    text = f"import os; {told}.write(os.environ['KUBERNETES_EXEC_INFO'])"
    command = script(tmp_path, f"{text}\nprint({printed(token='t').decode()!r})")
    access = Access(
        address="https://a",
        origin="here",
        verify=False,
        server_name="b",
        proxy="http://c",
        authority=Pem(text="PEM"),
        user=User(),
    )
    await run_plugin(Plugin(command=command, tells_cluster=True, config='{"x": 1}'), access)
    found = json.loads(await anyio.Path(tmp_path / "told").read_text())
    assert {
        "certificate-authority-data": base64.b64encode(b"PEM").decode(),
        "config": {"x": 1},
        "insecure-skip-tls-verify": True,
        "proxy-url": "http://c",
        "server": "https://a",
        "tls-server-name": "b",
    } == found["spec"]["cluster"]
    plain = Plugin(command=command, tells_cluster=True)
    await run_plugin(plain, ACCESS)
    found = json.loads(await anyio.Path(tmp_path / "told").read_text())
    assert {"server": "https://a"} == found["spec"]["cluster"]
    missing = Access(address="a", origin="b", authority=Pem(file="/missing"), user=User())
    with pytest.raises(AccessError, match="/missing cannot be read"):
        await run_plugin(plain, missing)


def test_certificates_must_be_some(tmp_path: Path) -> None:
    """The error says which of them is none, and where it stood."""
    authority = trustme.CA()
    leaf = authority.issue_cert("a.test")
    certificate = Pem(text=leaf.cert_chain_pems[0].bytes().decode())
    key = Pem(text=leaf.private_key_pem.bytes().decode())
    (tmp_path / "key").write_text(key.text or "")
    make_context(ACCESS, certificate, Pem(file=str(tmp_path / "key")))
    for wrong in (Pem(text="?"), Pem(file="/missing")):
        access = Access(address="a", origin="here", authority=wrong, user=User())
        with pytest.raises(AccessError, match="here: no certificate authority"):
            make_context(access, NO_PEM, NO_PEM)
        with pytest.raises(AccessError, match="here: no client certificate with its key"):
            make_context(ACCESS, certificate, wrong)


def test_an_own_authority_needs_no_key_identifiers() -> None:
    """As for other clients of Kubernetes; an authority of this machine needs what it ever did."""
    authority = Pem(text=trustme.CA().cert_pem.bytes().decode())
    own = Access(address="a", origin="here", authority=authority, user=User())
    assert not make_context(own, NO_PEM, NO_PEM).verify_flags & ssl.VERIFY_X509_STRICT
    usual = ssl.create_default_context().verify_flags
    assert usual == make_context(ACCESS, NO_PEM, NO_PEM).verify_flags


def test_an_encrypted_key_asks_nobody(tmp_path: Path) -> None:
    """There is no terminal to type a password on."""
    leaf = trustme.CA().issue_cert("a.test")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    certificate = leaf.cert_chain_pems[0].bytes().decode()
    with pytest.raises(AccessError, match="no client certificate with its key"):
        make_context(ACCESS, Pem(text=certificate), Pem(text=locked.decode()))


async def test_a_token_stands_in_for_a_file_that_is_missing(tmp_path: Path) -> None:
    """As long as that cannot be read."""
    user = {"token": "old", "tokenFile": "token"}
    (tmp_path / "config").write_text(json.dumps(document(user=user)))
    login = Login(files=(str(tmp_path / "config"),))
    assert (("Authorization", "Bearer old"),) == (await login.session()).headers
    (tmp_path / "token").write_text("new")
    assert (("Authorization", "Bearer new"),) == (await login.session()).headers


def pod(directory: Path) -> dict[str, str]:
    """The files of a pod, and its variables."""
    for name in ("token", "ca.crt", "namespace"):
        (directory / name).write_text(f" {name}\n")
    (directory / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    return {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}


async def test_the_files_of_a_pod_are_read(tmp_path: Path) -> None:
    """An address may be IPv6; a namespace may be missing, but no token and no authority."""
    environ = pod(tmp_path)
    login = Login(service_account=str(tmp_path), environ=environ)
    session = await login.session()
    assert ("https://[fd00::1]:443", "namespace") == (
        session.access.address,
        session.access.namespace,
    )
    assert (("Authorization", "Bearer token"),) == session.headers
    assert "Bearer" not in repr(session)
    (tmp_path / "namespace").unlink()
    assert "default" == (await login.session()).access.namespace
    (tmp_path / "token").write_text("\n")
    with pytest.raises(AccessError, match="no token can be read from"):
        await login.session()
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(AccessError, match=r"ca\.crt does not exist: let the pod mount"):
        await login.session()


async def test_a_machine_without_a_cluster_says_what_is_missing(tmp_path: Path) -> None:
    """Neither a kubeconfig nor a pod."""
    login = Login(environ={"KUBECONFIG": str(tmp_path / "missing")})
    with pytest.raises(AccessError, match=r"missing is missing, and this is no pod"):
        await login.session()
    with pytest.raises(AccessError, match="no context 'x'"):
        await Login(context="x", environ={"KUBECONFIG": str(tmp_path / "missing")}).session()


async def test_a_token_with_a_line_in_it_is_not_shown(tmp_path: Path) -> None:
    """A library would refuse the header and quote it."""
    environ = pod(tmp_path)
    (tmp_path / "token").write_text(f"{SECRET}\n{SECRET}")
    with pytest.raises(AccessError, match="characters that no token has") as error:
        await Login(service_account=str(tmp_path), environ=environ).session()
    assert SECRET not in str(error.value)


async def test_a_name_and_a_password_are_sent(tmp_path: Path) -> None:
    """As HTTP has it; servers since 1.19 take them from a proxy before them only."""
    (tmp_path / "config").write_text(json.dumps(document(user={"username": "a"})))
    session = await Login(files=(str(tmp_path / "config"),)).session()
    assert (("Authorization", f"Basic {base64.b64encode(b'a:').decode()}"),) == session.headers


async def test_no_user_sends_nothing(tmp_path: Path) -> None:
    """Nothing is made up."""
    (tmp_path / "config").write_text(json.dumps(document(user={})))
    assert () == (await Login(files=(str(tmp_path / "config"),)).session()).headers
