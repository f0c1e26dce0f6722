"""
From the options of a check to what carries it out.
"""

from __future__ import annotations

from collections.abc import Callable

from ._call import CallChecker
from ._checker import Checker
from ._command import CommandChecker
from ._grpc import GrpcChecker
from ._http import HttpChecker
from ._options import HealthCheckOptions
from ._tcp import TcpChecker
from ._tls import TlsChecker
from ._trust import CredentialsOf, Trust


def checker_maker(
    options: HealthCheckOptions, credentials: CredentialsOf = lambda: None
) -> Callable[[], Checker]:
    """
    A function that makes a checker, one for each endpoint.

    They share one TLS context, with the *credentials* of the service. Raises
    ConfigurationError when a library is missing.
    """
    port = options.port
    reuse = options.reuse_connections
    if options.http is not None:
        http = options.http
        trust = Trust(http.tls, credentials=credentials)
        return lambda: HttpChecker(http, trust=trust, port=port, reuse=reuse)
    if options.grpc is not None:
        grpc = options.grpc
        trust = Trust(grpc.tls, "h2", credentials=credentials)
        GrpcChecker(grpc, trust=trust, port=port, reuse=reuse)
        return lambda: GrpcChecker(grpc, trust=trust, port=port, reuse=reuse)
    if options.tcp is not None:
        tcp = options.tcp
        return lambda: TcpChecker(tcp, port=port)
    if options.tls is not None:
        tls = options.tls
        trust = Trust(tls, credentials=credentials)
        return lambda: TlsChecker(tls, trust=trust, port=port)
    if options.command is not None:
        command = options.command
        return lambda: CommandChecker(command, port=port)
    function = options.call
    assert function is not None  # the options have exactly one kind
    return lambda: CallChecker(function)
