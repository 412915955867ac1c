"""An MCP client over stdio, as raw as it gets: lines of JSON-RPC to a child and back. What the clients of others hide
(notifications, the order of things) is seen here."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import Any, Callable

ANSWER_SECONDS = 30.0


class McpClient:
    """`stray` holds what came on standard output and was no JSON-RPC message: it must stay empty."""

    def __init__(self, command: list[str], environment: dict[str, str], initialize: bool = True) -> None:
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.news = threading.Condition()
        self.answers: dict[int, dict[str, Any]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.stray: list[str] = []
        self.said: list[str] = []  # on standard error
        self.last_id = 0
        self.ended = False
        self.threads = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._listen, daemon=True)]
        for thread in self.threads:
            thread.start()
        if initialize:
            self.initialized = self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "pytest", "version": "0"}})
            self.notify("notifications/initialized")

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self.stray.append(line.decode(errors="replace"))
                continue
            with self.news:
                if "id" in message:
                    self.answers[message["id"]] = message
                else:
                    self.notifications.append(message)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.news:
                self.said.append(line.decode(errors="replace").rstrip())
                self.news.notify_all()

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        self._write({"method": method, "params": params or {}})

    def start(self, method: str, params: dict[str, Any]) -> int:
        self.last_id += 1
        self._write({"id": self.last_id, "method": method, "params": params})
        return self.last_id

    def answer(self, number: int, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        with self.news:
            came = self.news.wait_for(lambda: number in self.answers or self.ended, seconds)
            assert came and number in self.answers, f"no answer to {number}; it said: {self.said[-10:]}"
            message = self.answers.pop(number)
        assert "error" not in message, message["error"]
        return message["result"]

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.answer(self.start(method, params))

    def start_tool(self, tool: str, **arguments: Any) -> int:
        return self.start("tools/call", {"name": tool, "arguments": arguments})

    def tool(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result; a tool that failed raises."""
        result = self.answer(self.start_tool(tool, **arguments))
        assert not result.get("isError"), result["content"][0]["text"]
        return result["structuredContent"]

    def refusal(self, tool: str, **arguments: Any) -> str:
        """The words of a tool that must fail."""
        result = self.answer(self.start_tool(tool, **arguments))
        assert result.get("isError"), result
        return result["content"][0]["text"]

    def wait_notification(self, method: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [n.get("params", {}) for n in self.notifications if n["method"] == method and holds(n.get("params", {}))]
        with self.news:
            self.news.wait_for(lambda: bool(found()) or self.ended, seconds)
            all_found = found()
        assert all_found, f"{method} did not come; these did: {self.notifications[-5:]}; it said: {self.said[-10:]}"
        return all_found[0]

    def wait_said(self, words: str, seconds: float = ANSWER_SECONDS) -> None:
        with self.news:
            heard = self.news.wait_for(lambda: any(words in line for line in self.said), seconds)
        assert heard, f"never said {words!r}: {self.said}"

    def kill9(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> int:
        """Ends its input, which is how an MCP server is told to go; the exit code."""
        assert self.process.stdin
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        code = self.process.wait()
        for thread in self.threads:
            thread.join(5)
        return code
