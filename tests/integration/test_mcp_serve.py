"""`openclaw mcp serve` against a real Gateway: the surface of the original, restarts, refusals, approvals."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT = 20.0


class Bridge:
    """An MCP client on the bridge's stdio: request(), call(), notified, stderr()."""

    def __init__(self, program: Path, environment: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen([str(program), "mcp", "serve", *arguments], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.notified: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.strays: list[str] = []
        self.last = 0
        for reader in (self._read_out, self._read_err):
            threading.Thread(target=reader, daemon=True).start()

    def _read_out(self) -> None:
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self.strays.append(line)
                continue
            (self.answers.put(message) if "id" in message else self.notified.append(message))

    def _read_err(self) -> None:
        for line in self.process.stderr:
            self.errors.append(line.rstrip("\n"))

    def send(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self.last += 1
        self.send({"id": self.last, "method": method, "params": params or {}})
        while True:
            answer = self.answers.get(timeout=WAIT)
            if answer["id"] == self.last:
                return answer

    def initialize(self) -> dict[str, Any]:
        answer = self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        self.send({"method": "notifications/initialized"})
        return answer["result"]

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": name, "arguments": arguments})["result"]

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.stdin.close()
        return self.process.wait(WAIT)


@pytest.fixture
def bridge(openclaw: Path) -> Iterator[Any]:
    """bridge(gateway, *arguments) -> an initialized Bridge."""
    made: list[Bridge] = []

    def start(gateway: Any, *arguments: str, environment: dict[str, str] | None = None) -> Bridge:
        token = gateway.folder / "bridge-token"
        token.write_text(gateway.token + "\n")
        given = arguments or ("--url", gateway.url, "--token-file", str(token))
        made.append(Bridge(openclaw, {**gateway.environment, **(environment or {})}, *given))
        return made[-1]
    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        assert not one.strays, "stdout carries only MCP"


def gateway_call(openclaw: Path, gateway: Any, method: str, **params: Any) -> Any:
    done = subprocess.run([str(openclaw), "gateway", "call", method, "--params", json.dumps(params)], env=port_environment(gateway),
                          capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def port_environment(gateway: Any) -> dict[str, str]:
    return {**gateway.environment, "OPENCLAW_GATEWAY_PORT": str(gateway.port)}


def say(openclaw: Path, gateway: Any, text: str, key: str) -> None:
    gateway_call(openclaw, gateway, "chat.send", sessionKey="agent:main:main", message=text, idempotencyKey=key)


def event_with(bridge: Bridge, text: str, after: int = 0) -> dict[str, Any]:
    """The next event that holds this text."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        event = bridge.call("events_wait", after_cursor=after, timeout_ms=2000)["structuredContent"]["event"]
        if event and text in json.dumps(event):
            return event
        after = event["cursor"] if event else after
    raise AssertionError(f"no event with {text!r}")


def test_the_surface_is_the_originals(bridge: Any, start_gateway: Any) -> None:
    served = bridge(start_gateway())
    hello = served.initialize()
    assert hello["capabilities"] == {"experimental": {"claude/channel": {}, "claude/channel/permission": {}}, "tools": {"listChanged": True}}
    assert hello["serverInfo"]["name"] == "openclaw"
    golden = json.loads((ROOT / "tests/golden/bridge/tools.json").read_text())
    assert json.dumps(served.request("tools/list")["result"]["tools"]) == json.dumps(golden["tools"])  # keys in the same order, too
    assert served.request("resources/list")["error"] == {"code": -32601, "message": "Method not found"}
    assert served.call("nope") == {"content": [{"type": "text", "text": "MCP error -32602: Tool nope not found"}], "isError": True}
    assert served.call("conversation_get", session_key="nope") == {"content": [{"type": "text", "text": "conversation not found: nope"}], "isError": True}
    assert served.call("messages_read", session_key="agent:main:nope")["structuredContent"] == {"messages": []}
    assert served.call("messages_send", session_key="nope", text="x")["content"][0]["text"] == "Conversation not found for session nope"
    assert served.end() == 0


def test_events_arrive_and_the_wait_ends_by_itself(bridge: Any, start_gateway: Any, openclaw: Path) -> None:
    gateway = start_gateway()
    served = bridge(gateway)
    served.initialize()
    assert served.call("events_wait", timeout_ms=1)["content"][0]["text"] == "timeout"
    say(openclaw, gateway, "is anybody there", "k1")
    event = event_with(served, "is anybody there")
    assert event["type"] == "message" and event["role"] == "user" and event["sessionKey"] == "agent:main:main"
    polled = served.call("events_poll", after_cursor=0)
    assert json.loads(polled["content"][1]["text"]) == polled["structuredContent"]


def test_it_survives_a_gateway_that_is_killed_and_misses_nothing(bridge: Any, start_gateway: Any, openclaw: Path) -> None:
    gateway = start_gateway()
    served = bridge(gateway)
    served.initialize()
    say(openclaw, gateway, "before the kill", "k1")
    cursor = event_with(served, "before the kill")["cursor"]
    gateway.kill9()
    gateway.start()
    say(openclaw, gateway, "after the kill", "k2")  # the bridge is most likely still waiting to come back
    assert event_with(served, "after the kill", cursor)["cursor"] > cursor
    texts = [e.get("text") for e in served.call("events_poll", after_cursor=0, limit=200)["structuredContent"]["events"]]
    assert texts.count("before the kill") == 1 and texts.count("after the kill") == 1
    assert any("the Gateway is not there" in line for line in served.errors)


def test_a_cursor_outlives_the_bridge(bridge: Any, start_gateway: Any, openclaw: Path, tmp_path: Path) -> None:
    gateway = start_gateway()
    environment = port_environment(gateway)
    arguments = ("--state-dir", str(tmp_path / "bridge"))
    first = bridge(gateway, *arguments, environment=environment)
    first.initialize()
    first.call("events_poll")
    say(openclaw, gateway, "in the first life", "k1")
    cursor = event_with(first, "in the first life")["cursor"]
    assert first.end() == 0
    say(openclaw, gateway, "between the lives", "k2")
    second = bridge(gateway, *arguments, environment=environment)
    second.initialize()
    assert event_with(second, "between the lives", cursor)["cursor"] > cursor
    texts = [e.get("text") for e in second.call("events_poll", after_cursor=0, limit=200)["structuredContent"]["events"]]
    assert texts.count("in the first life") == 1 and texts.count("between the lives") == 1


@pytest.mark.parametrize("arguments, reason", [(("--token", "wrong"), "AUTH_TOKEN_MISMATCH"), (("--password", "wrong"), "AUTH_TOKEN_MISMATCH")])
def test_a_refusal_ends_it_with_a_sentence(bridge: Any, start_gateway: Any, arguments: tuple[str, str], reason: str) -> None:
    gateway = start_gateway()
    served = bridge(gateway, "--url", gateway.url, *arguments)
    assert served.process.wait(WAIT) == 1
    assert f"Warning: {arguments[0]} can be exposed" in served.errors[0]
    assert any("refuses this bridge" in line and reason in line for line in served.errors), served.errors


def test_initialize_is_answered_without_a_gateway(openclaw: Path, tmp_path: Path, free_port: Any) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENCLAW_GATEWAY_PORT": str(free_port())}
    served = Bridge(openclaw, environment, "--claude-channel-mode", "off")
    assert served.initialize()["capabilities"] == {"tools": {"listChanged": True}}
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(WAIT) == 0


def test_an_approval_is_seen_and_decided(bridge: Any, start_gateway: Any, openclaw: Path) -> None:
    gateway = start_gateway()
    served = bridge(gateway)
    served.initialize()
    served.call("events_poll")
    asked = json.dumps({"command": "ls -la", "commandArgv": ["ls", "-la"], "cwd": "/tmp", "timeoutMs": 60000})
    requester = subprocess.Popen([str(openclaw), "gateway", "call", "exec.approval.request", "--params", asked, "--timeout", "60s"],
                                 env={**port_environment(gateway), "OPENCLAW_STATE_DIR": str(gateway.folder / "requester"), "OPENCLAW_GATEWAY_TOKEN": gateway.token},
                                 stdout=subprocess.PIPE, text=True)
    event = event_with(served, "exec_approval_requested")
    listed = served.call("permissions_list_open")["structuredContent"]["approvals"]
    assert [a["kind"] for a in listed] == ["exec"] and listed[0]["id"] == event["raw"]["id"]
    shown = subprocess.run([str(openclaw), "approvals", "list", "--json"], env=port_environment(gateway), capture_output=True, text=True, timeout=WAIT)
    assert [a["id"] for a in json.loads(shown.stdout)["approvals"]] == [listed[0]["id"]]
    # Requester and bridge are the same person here, the owner of this machine: saying yes to oneself is refused.
    own = served.call("permissions_respond", kind="exec", id=listed[0]["id"], decision="allow-once")
    assert own == {"content": [{"type": "text", "text": "you asked for this, somebody else has to approve it"}], "isError": True}
    decided = served.call("permissions_respond", kind="exec", id=listed[0]["id"], decision="deny")
    assert decided["content"][0]["text"] == "approval resolved" and decided["structuredContent"] == {"result": {"ok": True}}, decided
    answer, _ = requester.communicate(timeout=WAIT)
    assert json.loads(answer)["decision"] == "deny"
    assert served.call("permissions_list_open")["structuredContent"] == {"approvals": []}
    again = served.call("permissions_respond", kind="exec", id="no-such", decision="deny")
    assert again == {"content": [{"type": "text", "text": "unknown or expired approval id"}], "isError": True}
