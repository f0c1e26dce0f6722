"""
The source `kubernetes`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import anyio.to_thread

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._settings import number, seconds, text, texts
from .._timing import Timing
from ._answers import Server
from ._api import Reach, SlicesApi
from ._changes import Changes
from ._choice import make_choice
from ._login import Login
from ._slices import SliceReader
from ._view import View

_SOON = 1.0
"""Seconds; a list that is of use for less than this is no reason to hurry for the next."""


class KubernetesDiscovery:
    """
    Lists and watches the EndpointSlices of a Kubernetes Service.

    *service*: the Service, or `name.namespace`; default the mesh's name of the service,
    which may have this form too. *namespace*: where it is when its name does not say so;
    default that of the pod or of the kubeconfig's context.

    *port*: the name of the Service's port, or the number that the pods listen on; needed
    only where there are several. *scheme*: `http` or `https` where no appProtocol says it;
    default what the port's name begins with, else `http`. *address_family*: `ipv4`,
    `ipv6`, or `auto` (default), which is IPv4 where there is any.

    *zone*, *node*: where this process runs; endpoints that Kubernetes hints for it come
    first then, and others when these fail. *labels*: labels of the slices, which are those
    of the Service, to keep as metadata: a list, or a mapping of metadata names to labels.

    *kubeconfig*: a file, or several as in KUBECONFIG. *context*: one of its contexts, in
    place of the current one. *service_account*: the directory of a pod's credentials, to
    have these. With none of the three it is as for kubectl: KUBECONFIG, or
    `~/.kube/config`, and where there is neither, the pod's ServiceAccount.

    *timeout*: seconds to connect, and to wait for an answer; default 10. *watch_timeout*:
    seconds after which the server ends a watch, at random up to twice that, so that
    clients come back spread; default 300, as client-go has it. *page_size*: slices that
    are listed at once; default 500, as kubectl has it.
    """

    name = "kubernetes"

    def __init__(
        self,
        *,
        service: str | None = None,
        namespace: str | None = None,
        port: str | int | None = None,
        scheme: str | None = None,
        address_family: str = "auto",
        zone: str | None = None,
        node: str | None = None,
        labels: Sequence[str] | Mapping[str, str] = (),
        kubeconfig: str | os.PathLike[str] | Sequence[str] | None = None,
        context: str | None = None,
        service_account: str | os.PathLike[str] | None = None,
        timeout: float | str = 10.0,
        watch_timeout: float | str = 300.0,
        page_size: int = 500,
        _timing: Timing = Timing(),  # noqa: B008 -- it is immutable
    ) -> None:
        self._service = None if service is None else text(service, "service")
        self._namespace = None if namespace is None else text(namespace, "namespace")
        self._choice = make_choice(
            port=port,
            scheme=scheme,
            address_family=address_family,
            zone=zone,
            node=node,
            labels=labels,
        )
        self._login = _login(kubeconfig, context, service_account)
        self._reach = Reach(
            page=int(number(page_size, "page_size", minimum=1)),
            timeout=seconds(timeout, "timeout", minimum=0.001),
            watch_timeout=seconds(watch_timeout, "watch_timeout", minimum=1.0),
        )
        self._timing = _timing

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, for as long as they are asked for."""
        name, _, rest = (self._service or service).partition(".")
        namespace = rest.partition(".")[0] or self._namespace
        said: dict[str, Any] = {"service": service, "source": self.name}
        reader = SliceReader(service, self.name)
        view = View(self._choice, reader, **said)
        timing = self._timing
        api = SlicesApi(
            Server(self._login, timeout=self._reach.timeout, **said),
            reader,
            name=name,
            namespace=namespace,
            reach=self._reach,
            timing=timing,
        )
        while True:
            documents, version = await api.fetch()
            began = timing.clock()
            # Ten thousand endpoints take some tenths of a second; changes take milliseconds.
            yield await anyio.to_thread.run_sync(_replaced, view, documents)
            changes = Changes(api, version, reader=reader, timing=timing, **said)
            async with aclosing(changes.batches()) as batches:
                async for batch in batches:
                    for kind, document in batch:
                        if kind == "DELETED":
                            view.drop(document)
                        elif kind != "BOOKMARK":
                            view.put(document)
                    # An unchanged list too: it is as old as the last word of the server.
                    yield view.endpoints()
            if timing.clock() - began < _SOON:
                await timing.pause(_SOON, jitter=1.0)


def _replaced(view: View, documents: Sequence[Any]) -> Sequence[Endpoint]:
    view.replace(documents)
    return view.endpoints()


def _login(kubeconfig: Any, context: Any, service_account: Any) -> Login:
    if service_account is not None and (kubeconfig is not None or context is not None):
        raise ConfigurationError(
            "a pod's credentials and a kubeconfig exclude each other", path="service_account"
        )
    if isinstance(kubeconfig, os.PathLike):
        kubeconfig = os.fspath(kubeconfig)
    if isinstance(service_account, os.PathLike):
        service_account = os.fspath(service_account)
    files = () if kubeconfig is None else texts(kubeconfig, "kubeconfig")
    if kubeconfig is not None and not files:
        raise ConfigurationError("a file is needed", path="kubeconfig")
    return Login(
        files=tuple(part for file in files for part in file.split(os.pathsep) if part),
        context=None if context is None else text(context, "context"),
        service_account=None
        if service_account is None
        else text(service_account, "service_account"),
    )
