"""A web server on this machine that can resume, break off, stall and lie."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Files:
    """What is served at which path, how, and what was asked for."""

    def __init__(self):
        self.content = {}
        self.types = {}
        self.ranges = True
        self.cut_after = None
        self.stall_after = None
        self.requests = []
        self.address = ""

    def asked(self, path):
        return [headers.get("Range") for asked, headers in self.requests if asked == path]


@contextmanager
def serving():
    files = Files()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            files.requests.append((self.path, dict(self.headers)))
            body = files.content.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = 0
            if files.ranges and (asked := self.headers.get("Range")):
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            if self.path in files.types:
                self.send_header("Content-Type", files.types[self.path])
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.send_body(body[start:])

        def send_body(self, rest):
            stop = files.cut_after or files.stall_after
            if stop is None or stop >= len(rest):
                self.wfile.write(rest)
                return
            self.wfile.write(rest[:stop])
            self.wfile.flush()
            while files.stall_after is not None:
                time.sleep(0.02)
            self.close_connection = True

        def log_message(self, *arguments):
            pass

        def do_HEAD(self):
            self.send_error(405)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    files.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield files
    finally:
        files.stall_after = None
        server.shutdown()
        server.server_close()
        thread.join()
