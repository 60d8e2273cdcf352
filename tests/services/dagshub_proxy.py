"""MLflow as DAGsHub serves it: under /<user>/<repo>.mlflow, with Basic auth, and older.

Which server is imitated stands in the repository's name, so that tests do not disturb each other:

    /tester/new.mlflow        everything the server behind has
    /tester/registry.mlflow   registry, but no logged models and no server-info (404)
    /tester/old.mlflow        runs and artifacts only (404), and 500 on runs/log-model: what the
                              2.7.1 server answered

Nothing but `/<user>/<repo>.mlflow/api/...` is there; everything else is a 404 in HTML.
"""

import base64
import http.client
import http.server
import re
import threading

PATH = re.compile(r"^/(?P<user>[^/]+)/(?P<repo>new|registry|old)\.mlflow(?P<rest>/api/[^?]*(\?.*)?)$")
NOT_IN = {
    "new": re.compile(r"^$"),
    "registry": re.compile(r"/mlflow/(logged-models|server-info|runs/outputs)"),
    "old": re.compile(
        r"/mlflow/(logged-models|server-info|runs/outputs|registered-models|model-versions)"
    ),
}
FAILS_IN_OLD = re.compile(r"/mlflow/runs/log-model")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
NOT_FOUND = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body><h1>Page not found</h1></body></html>\n"
FAILED = b"<!DOCTYPE html>\n<html><body><h1>500 Internal Server Error</h1></body></html>\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def handle_any(self) -> None:
        body = self._body()
        parts = PATH.match(self.path)
        if parts is None:
            return self._say(404, "text/html", NOT_FOUND)
        if parts["user"] != self.server.user:
            return self._say(404, "text/html", NOT_FOUND)
        given = self.headers.get("Authorization", "")
        if not given.startswith("Basic "):
            return self._unauthorised()
        try:
            base64.b64decode(given[6:], validate=True).decode().index(":")
        except ValueError:
            return self._unauthorised()
        repo, rest = parts["repo"], parts["rest"]
        if NOT_IN[repo].pattern != "^$" and NOT_IN[repo].search(rest):
            return self._say(404, "text/html", NOT_FOUND)
        if repo == "old" and FAILS_IN_OLD.search(rest):
            return self._say(500, "text/html", FAILED)
        self._forward(rest, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _unauthorised(self) -> None:
        self._say(401, "text/plain", b"unauthorized\n", {"WWW-Authenticate": 'Basic realm="dagshub"'})

    def _forward(self, rest: str, body: bytes) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP | {"host"}}
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        try:
            behind.request(self.command, rest, body=body, headers=headers)
            reply = behind.getresponse()
            content = reply.read()
        except OSError:
            return self._say(502, "text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>\n")
        finally:
            behind.close()
        kept = {k: v for k, v in reply.getheaders() if k.lower() not in HOP_BY_HOP | {"content-type", "date", "server"}}
        self._say(reply.status, reply.getheader("Content-Type", ""), content, kept)

    def _say(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    user: str
    behind: int

    def handle_error(self, *_: object) -> None:
        pass  # clients hang up on purpose in these tests


class DagshubProxy:
    """The proxy on `port`, in front of an MLflow with basic auth on `behind`."""

    def __init__(self, port: int, behind: int, user: str):
        self.port, self._behind, self._user = port, behind, user
        self._server: _Server | None = None

    def start(self) -> None:
        if self._server is not None:
            return
        server = _Server(("127.0.0.1", self.port), _Handler)
        server.user, server.behind = self._user, self._behind
        self._server = server
        threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()

    def kill(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
