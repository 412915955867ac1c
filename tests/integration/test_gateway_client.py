"""The official @openclaw/gateway-client, unmodified, against the real `openclaw gateway`; every frame of ours is checked
with the published JSON Schema (@openclaw/gateway-protocol) on its way."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any, Iterator

import pytest

HERE = Path(__file__).resolve().parent
CONFIG = {"approvals": {"selfApproval": "owner"}, "session": {"dmScope": "per-peer"}, "secretSauce": {"apiKey": "CANARY-IN-THE-CONFIG"}}
MAIN = "agent:main:main"


class Oracle:
    """clients/gateway_oracle.mjs as a child."""

    def __init__(self, node: str, modules: Path, url: str, errors: Path) -> None:
        self._errors = errors.open("ab")
        self.process = subprocess.Popen([node, str(HERE / "clients/gateway_oracle.mjs"), str(modules), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self._errors, text=True)
        self.answers: dict[int, dict[str, Any]] = {}
        self.tickets = 0
        assert json.loads(self._line())["ready"]

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the oracle ended: {Path(self._errors.name).read_text()[-2000:]}"
        return line

    def begin(self, op: str, **arguments: Any) -> int:
        assert self.process.stdin
        self.tickets += 1
        self.process.stdin.write(json.dumps({"op": op, "ticket": self.tickets, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.tickets

    def end(self, ticket: int) -> dict[str, Any]:
        while ticket not in self.answers:
            answer = json.loads(self._line())
            self.answers[answer.pop("ticket")] = answer
        answer = self.answers.pop(ticket)
        assert "broken" not in answer, answer
        return answer

    def do(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.end(self.begin(op, **arguments))

    def call(self, name: str, method: str, **params: Any) -> Any:
        answer = self.do("call", name=name, method=method, params=params)
        assert "payload" in answer, (method, answer)
        return answer["payload"]

    def refused(self, name: str, method: str, **params: Any) -> dict[str, Any]:
        answer = self.do("call", name=name, method=method, params=params)
        assert "error" in answer, (method, answer)
        return answer["error"]

    def wait(self, name: str, event: str, **where: Any) -> Any:
        answer = self.do("wait", name=name, event=event, where=where)
        assert "event" in answer, answer
        return answer["event"]["payload"]

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self._errors.close()


@pytest.fixture
def gateway(start_gateway: Any) -> Any:
    return start_gateway(CONFIG)


@pytest.fixture
def oracle(gateway: Any, node: str, node_tools: Path, tmp_path: Path) -> Iterator[Oracle]:
    made = Oracle(node, node_tools / "node_modules", gateway.url, tmp_path / "oracle.txt")
    yield made
    if made.process.poll() is None:
        judged = made.do("faults")
        made.stop()
        assert not judged["faults"], "\n".join(judged["faults"][:10])


def connect(oracle: Oracle, gateway: Any, name: str = "a", **options: Any) -> dict[str, Any]:
    options.setdefault("scopes", ["operator.admin"])
    answer = oracle.do("connect", name=name, token=options.pop("token", gateway.token), **options)
    assert "hello" in answer, answer
    return answer


def test_hello_and_every_reading_method(oracle: Oracle, gateway: Any) -> None:
    hello = connect(oracle, gateway)["hello"]
    assert hello["protocol"] == 4 and hello["auth"]["role"] == "operator"
    reading = ["agents.list", "channels.pairing.list", "channels.status", "config.get", "exec.approval.list", "gateway.identity.get", "health", "last-heartbeat",
               "models.list", "plugin.approval.list", "sessions.list", "status", "system-presence", "sessions.subscribe", "sessions.unsubscribe"]
    for method in reading:
        assert method in hello["features"]["methods"], method
        oracle.call("a", method)
    for method in hello["features"]["methods"]:   # whatever is advertised has a handler: no answer says that it is unknown
        answer = oracle.do("call", name="a", method=method, params={"bogus-for-a-test": 1})
        assert "unknown method" not in json.dumps(answer), method
    shown = json.dumps(oracle.call("a", "config.get"))
    assert "CANARY" not in shown and gateway.token not in shown and "__OPENCLAW_REDACTED__" in shown
    assert oracle.call("a", "sessions.resolve", key="nothing", allowMissing=True) == {"ok": False}
    assert oracle.refused("a", "sessions.resolve", key="nothing")["code"] == "INVALID_REQUEST"


def test_a_turn_of_chat_is_told_in_the_captured_order(oracle: Oracle, gateway: Any) -> None:
    connect(oracle, gateway, "asker")
    connect(oracle, gateway, "watcher", scopes=["operator.read"])
    oracle.call("watcher", "sessions.subscribe")
    key = str(uuid.uuid4())
    assert oracle.call("asker", "chat.send", sessionKey="main", message="What can you do?", idempotencyKey=key) == {"runId": key, "status": "started"}
    final = oracle.wait("watcher", "chat", state="final")
    assert final["runId"] == key and final["sessionKey"] == MAIN
    oracle.wait("watcher", "sessions.changed", reason="agent.input.settled")
    told = oracle.do("events", name="watcher")
    assert told["gaps"] == 0
    order = [(e["event"], e["payload"].get("state") or e["payload"].get("stream") or e["payload"].get("reason") or e["payload"]["message"]["role"])
             for e in told["events"] if e["event"] in ("chat", "session.message", "sessions.changed")]
    short = [step for i, step in enumerate(order) if i == 0 or step != order[i - 1]]
    assert short[0] == ("sessions.changed", "send")
    for earlier, later in [(("session.message", "user"), ("chat", "status")), (("chat", "status"), ("session.message", "assistant")),
                           (("session.message", "assistant"), ("chat", "final")), (("chat", "final"), ("sessions.changed", "agent.input.settled"))]:
        assert short.index(earlier) < short.index(later), short
    assert oracle.call("asker", "chat.send", sessionKey="main", message="What can you do?", idempotencyKey=key)["status"] == "ok"

    history = oracle.call("asker", "chat.history", sessionKey=MAIN)["messages"]
    assert [m["role"] for m in history] == ["user", "assistant"]
    assert oracle.call("asker", "sessions.get", key=MAIN, limit=20)["messages"] == history
    message_id = history[1]["__openclaw"]["id"]
    assert oracle.call("asker", "chat.message.get", sessionKey=MAIN, messageId=message_id)["message"] == history[1]
    assert oracle.call("asker", "chat.message.get", sessionKey=MAIN, messageId="nothing") == {"ok": False, "unavailableReason": "not_found"}
    rows = oracle.call("asker", "sessions.list", limit=10, includeDerivedTitles=True, includeLastMessage=True)["sessions"]
    assert rows[0]["key"] == MAIN and rows[0]["derivedTitle"] == "What can you do?"
    assert oracle.call("asker", "sessions.describe", key=MAIN)["session"]["sessionId"] == rows[0]["sessionId"]
    assert oracle.call("asker", "sessions.resolve", key="main")["key"] == MAIN
    replayed = oracle.call("watcher", "events.replay", afterEventId=0)["events"]
    assert [e["payload"]["message"]["role"] for e in replayed] == ["user", "assistant"]
    assert oracle.call("asker", "chat.inject", sessionKey=MAIN, message="a note", label="ops")["ok"]
    assert oracle.call("asker", "chat.abort", sessionKey=MAIN) == {"ok": True, "aborted": False, "runIds": []}
    assert oracle.call("asker", "sessions.delete", key=MAIN)["deleted"]
    assert oracle.call("asker", "sessions.list")["sessions"] == []


def test_an_approval_from_request_to_decision(oracle: Oracle, gateway: Any) -> None:
    connect(oracle, gateway, "asker")
    connect(oracle, gateway, "boss", scopes=["operator.approvals"])
    connect(oracle, gateway, "nobody", scopes=["operator.read"])
    asked = oracle.begin("call", name="asker", method="plugin.approval.request",
                         params={"pluginId": "infra", "title": "Restart web", "description": "one pod", "severity": "critical", "toolName": "infra__restart"})
    seen = oracle.wait("boss", "plugin.approval.requested")
    assert seen["id"].startswith("plugin:") and seen["approvalKind"] == "plugin"
    assert [a["id"] for a in oracle.call("boss", "plugin.approval.list")] == [seen["id"]]
    assert oracle.call("boss", "approval.get", id=seen["id"])["approval"]["status"] == "pending"
    assert oracle.refused("nobody", "plugin.approval.list")["details"]["code"] == "MISSING_SCOPE"
    assert oracle.refused("boss", "plugin.approval.resolve", id=seen["id"], decision="perhaps")["message"].startswith("invalid")
    assert oracle.call("boss", "plugin.approval.resolve", id=seen["id"], decision="allow-once") == {"ok": True}
    assert oracle.end(asked)["payload"]["decision"] == "allow-once"
    assert oracle.wait("boss", "plugin.approval.resolved")["resolvedBy"] == "boss"
    assert oracle.call("boss", "plugin.approval.resolve", id=seen["id"], decision="allow-once") == {"ok": True}, "the same again is fine"
    late = oracle.refused("boss", "plugin.approval.resolve", id=seen["id"], decision="deny")
    assert late["details"]["reason"] == "APPROVAL_ALREADY_RESOLVED" and late["message"].startswith("approval already resolved")
    assert oracle.refused("boss", "plugin.approval.resolve", id="plugin:nothing", decision="deny")["details"]["reason"] == "APPROVAL_NOT_FOUND"
    assert oracle.call("boss", "approval.get", id=seen["id"])["approval"]["decision"] == "allow-once"
    assert "plugin.approval.requested" not in [e["event"] for e in oracle.do("events", name="nobody")["events"]]

    asked = oracle.begin("call", name="asker", method="exec.approval.request", params={"command": "uptime", "commandArgv": ["uptime"], "cwd": "/", "host": "gateway"})
    seen = oracle.wait("boss", "exec.approval.requested")
    assert seen["request"]["command"] == "uptime" and seen["request"]["allowedDecisions"] == ["allow-once", "allow-always", "deny"]
    assert oracle.call("boss", "exec.approval.get", id=seen["id"])["commandText"] == "uptime"
    assert oracle.call("boss", "approval.get", id=seen["id"])["approval"]["presentation"]["commandText"] == "uptime"
    decided = oracle.call("boss", "approval.resolve", id=seen["id"], kind="exec", decision="deny")
    assert decided["applied"] and decided["approval"]["status"] == "denied"
    assert oracle.end(asked)["payload"]["decision"] == "deny"
    gateway.restart()
    connect(oracle, gateway, "later")
    assert oracle.call("later", "approval.get", id=seen["id"])["approval"]["status"] == "denied"


def test_a_pending_approval_survives_kill_9(oracle: Oracle, gateway: Any) -> None:
    connect(oracle, gateway, "asker")
    oracle.begin("call", name="asker", method="plugin.approval.request", params={"title": "Restart web", "description": "one pod"})
    seen = oracle.wait("asker", "plugin.approval.requested")
    gateway.kill9()
    gateway.start()
    connect(oracle, gateway, "boss")
    assert [a["id"] for a in oracle.call("boss", "plugin.approval.list")] == [seen["id"]]
    assert oracle.call("boss", "plugin.approval.resolve", id=seen["id"], decision="deny") == {"ok": True}


def test_devices_are_paired_here_and_their_token_is_enough_later(oracle: Oracle, gateway: Any) -> None:
    first = connect(oracle, gateway, "one", device="laptop", scopes=["operator.read"])
    assert first["hello"]["auth"]["deviceToken"] and first["stored"]["token"] == first["hello"]["auth"]["deviceToken"]
    oracle.do("close", name="one")
    again = connect(oracle, gateway, "two", device="laptop", token=first["stored"]["token"], scopes=["operator.read"])
    assert again["hello"]["auth"]["scopes"] == ["operator.read"]
    assert oracle.refused("two", "chat.send", sessionKey="main", message="x", idempotencyKey="k")["details"]["missingScope"] == "operator.write"
    more = oracle.do("connect", name="three", token=first["stored"]["token"], device="laptop", scopes=["operator.admin"])
    assert (more["error"].get("details") or {}).get("code") == "PAIRING_REQUIRED", more
    gateway.restart()
    assert "hello" in connect(oracle, gateway, "four", device="laptop", token=first["stored"]["token"], scopes=["operator.read"])


def frame(method: str, params: Any = None, **extra: Any) -> str:
    return json.dumps({"type": "req", "id": "1", "method": method, "params": params if params is not None else {}, **extra})


def hello(token: str | None = None, **changes: Any) -> str:
    params: dict[str, Any] = {"minProtocol": 4, "maxProtocol": 4, "client": {"id": "cli", "version": "1", "platform": "linux", "mode": "cli"}, "role": "operator",
                              "scopes": ["operator.read"], **changes}
    if token is not None:
        params["auth"] = {"token": token}
    return frame("connect", params)


@pytest.mark.parametrize("frames, code, message, details", [
    ([hello("wrong")], 1008, "unauthorized: gateway token mismatch", "AUTH_TOKEN_MISMATCH"),
    ([hello()], 1008, "device identity required", "DEVICE_IDENTITY_REQUIRED"),
    ([hello("T", minProtocol=2, maxProtocol=3)], 1002, "protocol mismatch", "PROTOCOL_MISMATCH"),
    ([frame("connect", {"maxProtocol": 4})], 1008, "invalid connect params: ", None),
    ([hello("T", client={"id": "nobody", "version": "1", "platform": "linux", "mode": "cli"})], 1008, "at /client/id: must be equal to one of the allowed values", None),
    ([frame("health")], 1008, "invalid handshake: first request must be connect", None),
    (["this is not JSON"], 1000, None, None),
])
def test_captured_connect_failures(oracle: Oracle, gateway: Any, frames: list[str], code: int, message: str | None, details: str | None) -> None:
    answer = oracle.do("raw", frames=[f.replace('"T"', json.dumps(gateway.token)) for f in frames])
    assert answer["close"]["code"] == code, answer
    said = [f for f in answer["frames"] if f["type"] == "res"]
    assert bool(said) == (message is not None)
    if message:
        assert message in said[0]["error"]["message"]
    if details:
        assert said[0]["error"]["details"]["code"] == details


def test_frames_that_are_too_large_and_foreign_pages(oracle: Oracle, gateway: Any) -> None:
    assert oracle.do("raw", frames=["x" * (65 * 1024)])["close"]["code"] == 1009
    foreign = oracle.do("raw", frames=[hello(gateway.token)], headers={"Origin": "https://evil.example"})
    assert foreign["close"]["code"] == 1008 and foreign["frames"][-1]["error"]["details"]["code"] == "CONTROL_UI_ORIGIN_NOT_ALLOWED"
    assert oracle.do("raw", frames=[], headers={"Host": "evil.example"}) == {"status": 403}
    assert gateway.get("/", {"Host": f"evil.example:{gateway.port}"})[0] == 403
