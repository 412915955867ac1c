"""What the doubles share: a threaded HTTP server on loopback, faults that a test can order, one ready line.

A fault is {"method", "times", "error" | "status" | "drop", "retry_after", "before"}: the next `times` calls of the method
fail like that. `drop` closes the connection without an answer, after the call has taken effect (or before it, with
"before": true), which is how an outcome becomes unknown.
"""
import argparse
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

MAX_BODY = 4 << 20


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.pending = []

    def order(self, fault):
        with self.lock:
            self.pending.append({"times": 1, **fault})

    def take(self, method):
        with self.lock:
            for fault in self.pending:
                if fault["method"] in (method, "*") and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.dispatch()

    def do_POST(self):
        self.dispatch()

    def dispatch(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            return self.answer(413, {"ok": False, "error": "too large"})
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path.startswith("/control/"):
            result = self.double.control(parts.path[len("/control/"):], {**query, **parse_body(self.headers, body)})
            return self.answer(200 if result is not None else 404, result)
        self.double.serve(self, parts.path, {**query, **parse_body(self.headers, body)})

    def answer(self, status, value, headers=None):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def parse_body(headers, body):
    """JSON, or a form whose values may themselves be JSON (as Slack's SDK sends blocks)."""
    if not body:
        return {}
    if headers.get("Content-Type", "").startswith("application/json"):
        value = json.loads(body)
        return value if isinstance(value, dict) else {}
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    for key, text in fields.items():
        if text[:1] in "[{":
            try:
                fields[key] = json.loads(text)
            except ValueError:
                pass
    return fields


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # clients that go away are part of the play


def arguments(description, **defaults):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    for name, default in defaults.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    return parser.parse_args()


def run(double, port, ready):
    """Serves until standard input ends or a signal comes; says where, in one JSON line."""
    handler = type("DoubleHandler", (Handler,), {"double": double})
    server = Server(("127.0.0.1", port), handler)
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    print(json.dumps({"url": double.url, **ready}), flush=True)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        sys.exit(0)
