"""gunicorn's settings for the service in the middle."""

from __future__ import annotations

from meshlib.integrations.gunicorn import ssl_context_of
from meshlib.security import ServerTLSOptions
from support.chain.told import SETTINGS

_tls = SETTINGS["document"]["server_tls"]
bind = f"127.0.0.1:{SETTINGS['port']}"
workers = 1
threads = 8
worker_class = "gthread"
control_socket_disable = True  # it would be in the home directory of whoever runs the tests
certfile, keyfile = _tls["cert"], _tls["key"]
ssl_context = ssl_context_of(ServerTLSOptions.model_validate(_tls))
