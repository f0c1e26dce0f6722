"""A replica of a service, for the examples: answers in a thread of this process."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Replica:
    """Answers every request with its name, and with *status* as long as that is set."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.status = 200
        replica = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"from": name, "path": self.path}).encode()
                self.send_response(replica.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
