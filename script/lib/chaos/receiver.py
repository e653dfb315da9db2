"""A receiver of webhooks: remembers which messages came, and of which task they told."""

import collections
import http.server
import json
import threading


class Receiver:
    """Listens on loopback while it is used. Context manager."""

    def __init__(self):
        self.came = collections.defaultdict(list)
        handler = type("Handler", (Handler,), {"came": self.came})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    """One message."""

    came = {}

    def do_POST(self):  # the name that http.server looks for
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.came[self.headers["webhook-id"]].append(message["data"]["id"].replace("-", "")[:12])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Not on the terminal, which shows the table."""
