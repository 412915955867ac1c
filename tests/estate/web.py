"""HTTP/1.1 with keep-alive, chunked streams and faults, for the three services of the estate."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import traceback
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from .faults import Fault, Faults

MUTATING = {"POST", "PUT", "PATCH", "DELETE"}
BODY_LIMIT = 8 << 20


@dataclass
class Request:
    """One request, read whole."""

    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: Any
    body: bytes
    base: str
    peer: dict[str, Any] | None = None
    user: str = ""

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body or b"{}")


@dataclass
class Response:
    """One answer: either whole (`body`) or a stream of chunks."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None
    resource_version: str | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> "Response":
        """A JSON answer. Underscores of keyword names become hyphens."""
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


@dataclass
class Service:
    """What a listener serves: `answer` does the work, `fault_answer` words a fault in the service's own shape."""

    name: str
    answer: Callable[[Request], Response]
    fault_answer: Callable[[Request, Fault], Response] | None = None
    record: Callable[[Request, Response, bool], None] | None = None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "estate", ""
    server: "Listener"
    wbufsize = 64 << 10
    timeout = 300
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.server.tls:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the base class's)
        """Silent: the journal says what matters."""

    def _read(self) -> Request | None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self._send(Response.of({"message": "the body is too large"}, 413))
            self.close_connection = True
            return None
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(length)
        parts = urlsplit(self.path)
        scheme = "https" if self.server.tls else "http"
        base = f"{scheme}://{self.headers.get('Host') or '127.0.0.1:%d' % self.server.server_port}"
        peer = self.request.getpeercert() if self.server.tls else None
        return Request(self.command, unquote(parts.path), self.path, dict(parse_qsl(parts.query, keep_blank_values=True)),
                       self.headers, body, base, peer or None)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def dispatch(self) -> None:
        """Reads, meets a fault perhaps, answers, records."""
        request = self._read()
        if request is None:
            return
        service = self.server.service
        fault = self.server.faults.meet(service.name, request.method, request.path) if service.fault_answer else None
        if fault and fault.kind == "latency_ms":
            fault.lifted.wait(float(fault.value or 100) / 1000)
            fault = None
        if fault and fault.when == "before" and fault.kind != "truncate" and not self._instead(request, fault):
            return
        try:
            response = service.answer(request)
        except Exception:  # a bug of ours: say so on stderr and to the client, and go on serving
            traceback.print_exc(file=sys.stderr)
            response = Response.of({"kind": "Status", "status": "Failure", "code": 500, "message": "the estate has a bug"}, 500)
        late = fault is not None and (fault.when == "after" or fault.kind == "truncate")
        if service.record and request.method in MUTATING:
            service.record(request, response, not late)
        if late and not self._instead(request, fault, response):
            return
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = dispatch

    def _instead(self, request: Request, fault: Fault, response: Response | None = None) -> bool:
        """Plays a fault. True when the true answer should still be sent."""
        if fault.kind == "hang":
            fault.lifted.wait(float(fault.value or 300))
            if fault.lifted.is_set():
                return True
            self.close_connection = True
        elif fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.abandon(self.connection)
            self.close_connection = True
        elif fault.kind == "truncate" and response is not None:
            whole = response.body or next(response.stream or iter(()), b"")
            self._send(Response(response.status, whole[:len(whole) // 2],
                                {**response.headers, "Content-Length": str(max(len(whole), 2))}))
            self.close_connection = True
        elif fault.kind == "garbage":
            self._send(Response(200, b'{"items": [\xff\xfe\x00 not json', {"Content-Type": "application/json"}))
        else:
            assert self.server.service.fault_answer
            self._send(self.server.service.fault_answer(request, fault))
        return False

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = dict(response.headers)
        if response.stream is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif response.status not in (204, 304):
            headers.setdefault("Content-Length", str(len(response.body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or response.status in (204, 304):
            pass
        elif response.stream is None:
            self.wfile.write(response.body)
        else:
            self.wfile.flush()
            try:
                for chunk in response.stream:
                    if chunk:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            finally:
                close = getattr(response.stream, "close", None)
                if close:
                    close()
        self.wfile.flush()

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            pass  # the other side is gone, and nobody else wants to know


class Listener(ThreadingHTTPServer):
    """One service on one port of the loopback interface."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: Service, faults: Faults, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.service, self.faults, self.tls = service, faults, tls
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Without the base class's name lookup, which may take seconds on a machine without DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def abandon(self, connection: socket.socket) -> None:
        """Closes so that the peer sees a reset, not an end."""
        raw = connection.detach() if isinstance(connection, ssl.SSLSocket) else None
        if raw is None:
            connection.close()
        else:
            socket.socket(fileno=raw).close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are everyday here; anything else is a bug worth a line."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, (OSError, ssl.SSLError, ValueError)):
            traceback.print_exc(file=sys.stderr)

    def start(self) -> "Listener":
        """Serves on a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

