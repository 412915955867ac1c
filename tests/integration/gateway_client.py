"""A small client of the Gateway's protocol 4 over a WebSocket of its own, for tests: what a web page or a foreign client sends, and what
neither would."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import struct
import time
from typing import Any, Callable

ALL_SCOPES = ["operator.read", "operator.write", "operator.admin", "operator.approvals", "operator.pairing"]
WAIT = 30.0


class Refused(Exception):
    """The Gateway said no: status of the upgrade, or the error object of a response."""

    def __init__(self, what: Any) -> None:
        super().__init__(str(what))
        self.what = what


class Closed(Exception):
    """The connection was closed: code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Socket:
    """The client's end of a WebSocket (RFC 6455): send(), receive(), raw()."""

    def __init__(self, port: int, origin: str | None = None, host: str | None = None, headers: list[str] | None = None) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET / HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
                 "Sec-WebSocket-Version: 13"] + ([f"Origin: {origin}"] if origin is not None else []) + (headers or [])
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.reader = self.connection.makefile("rb")
        status = int(self.reader.readline().split()[1])
        while self.reader.readline() not in (b"\r\n", b""):
            pass
        if status != 101:
            self.close()
            raise Refused(status)

    def raw(self, opcode: int, data: bytes, announce: int | None = None) -> None:
        """A frame; `announce` claims another length than it has."""
        length = len(data) if announce is None else announce
        head = bytes([128 | opcode])
        head += bytes([128 | length]) if length < 126 else struct.pack(">BH", 254, length) if length < 1 << 16 else struct.pack(">BQ", 255, length)
        mask = os.urandom(4)
        body = (int.from_bytes(data, "big") ^ int.from_bytes((mask * (len(data) // 4 + 1))[:len(data)], "big")).to_bytes(len(data), "big")
        self.connection.sendall(head + mask + body)

    def send(self, text: str) -> None:
        self.raw(1, text.encode())

    def receive(self, timeout: float = WAIT) -> str:
        """The next text. Raises Closed when the other side has gone, TimeoutError when it says nothing."""
        self.connection.settimeout(timeout)
        text = b""
        while True:
            first, second = self._exactly(2)
            length = second & 127
            if length == 126:
                length, = struct.unpack(">H", self._exactly(2))
            elif length == 127:
                length, = struct.unpack(">Q", self._exactly(8))
            data = self._exactly(length)
            if first & 15 == 8:
                raise Closed(struct.unpack(">H", data[:2])[0] if data else 1005, data[2:].decode())
            if first & 15 == 9:
                self.raw(10, data)
            elif first & 15 in (0, 1):
                text += data
                if first & 128:
                    return text.decode()

    def _exactly(self, count: int) -> bytes:
        data = self.reader.read(count)
        if len(data) < count:
            raise Closed(1006, "the connection broke")
        return data

    def close(self) -> None:
        self.connection.close()


class Client:
    """Connected and greeted: call(), events, hello."""

    def __init__(self, port: int, token: str, origin: str | None = None, mode: str = "webchat", scopes: list[str] | None = None,
                 display: str = "Story", sign: Callable[[dict[str, Any]], dict[str, Any]] | None = None, headers: list[str] | None = None, **changes: Any) -> None:
        self.socket = Socket(port, origin, headers=headers)
        self.ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.challenge = json.loads(self.socket.receive())["payload"]
        proof = sign(self.challenge) if sign else {}
        self.hello = self.call("connect", **{
            "minProtocol": 4, "maxProtocol": 4, "role": "operator", "scopes": ALL_SCOPES if scopes is None else scopes, "auth": {"token": token},
            "client": {"id": "webchat-ui" if mode == "webchat" else "test", "mode": mode, "version": "1", "platform": "linux", "displayName": display}, **proof, **changes})

    def start(self, method: str, **params: Any) -> str:
        """Sends a request and does not wait."""
        name = f"r{next(self.ids)}"
        self.socket.send(json.dumps({"type": "req", "id": name, "method": method, "params": params}))
        return name

    def call(self, method: str, **params: Any) -> Any:
        """The payload of the answer; Refused with its error."""
        name = self.start(method, **params)
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            frame = json.loads(self.socket.receive())
            if frame["type"] == "event":
                self.events.append(frame)
            elif frame["id"] == name:
                if not frame["ok"]:
                    raise Refused(frame["error"])
                return frame.get("payload")
        raise TimeoutError(method)

    def close(self) -> None:
        self.socket.close()
