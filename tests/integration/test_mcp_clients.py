"""MCP Inspector, Claude Code and Codex at `openclaw mcp serve` and `clanker mcp` (outside.py says how they run here). What
they did is asked of the Gateway itself, not of the client."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from gateway_client import Refused
from mcp_bridge import ROOM, TOOLS, Bridge
from outside import AGENTS, RUN_SECONDS, Inspector, Outside, agents, approve_and, assert_played, outside  # noqa: F401  (fixtures are used by their names)
from watcher import Watcher


class Scene:
    """A Gateway with one conversation, an operator who watches, and a bridge whose owner may approve."""

    def __init__(self, gateway: Any, bridge: Bridge) -> None:
        self.gateway, self.bridge = gateway, bridge
        self.operator = Watcher(gateway)
        self.says("Is anybody there?")

    def says(self, text: str) -> None:
        """A person writes into the conversation; returns when the answer is there too."""
        since, run = len(self.operator.events), str(uuid.uuid4())
        self.operator.call("chat.send", sessionKey=ROOM, message=text, idempotencyKey=run)
        self.operator.wait_event(lambda name, p: name == "chat" and p.get("runId") == run and p.get("state") == "final", since=since)

    def messages(self) -> list[dict[str, Any]]:
        return self.operator.call("sessions.get", key=ROOM, limit=200)["messages"]

    def texts(self, role: str) -> list[str]:
        return [m["content"] if isinstance(m["content"], str) else "".join(part.get("text", "") for part in m["content"]) for m in self.messages() if m["role"] == role]

    def request_approval(self, title: str) -> tuple[str, str]:
        """(the number of the request that waits for a decision, the approval's id)"""
        since = len(self.operator.events)
        number = self.operator.start("plugin.approval.request", pluginId="deploy", title=title, description="web back to the version before", severity="warning",
                                     toolName="apply")
        shown = self.operator.wait_event(lambda name, p: name == "plugin.approval.requested" and p["request"]["title"] == title, since=since)
        return number, shown["id"]

    def assert_allowed_once(self, number: str, approval: str) -> None:
        assert self.operator.answer(number)["decision"] == "allow-once"
        assert_decided_by_mcp(self.operator, approval)


def assert_decided_by_mcp(operator: Watcher, approval: str) -> None:
    """Allowed through a bridge, exactly once; whoever comes later is told."""
    record = operator.call("approval.describe", id=approval)
    assert (record["decision"], record["resolvedVia"], record["resolvedBy"]) == ("allow-once", "mcp", "OpenClaw MCP"), record
    resolved = [p for name, p in operator.events if name == "plugin.approval.resolved" and p["id"] == approval]
    assert len(resolved) == 1, resolved
    with pytest.raises(Refused) as again:
        operator.call("plugin.approval.resolve", id=approval, decision="deny")
    assert again.value.what["details"]["reason"] == "APPROVAL_ALREADY_RESOLVED"


@pytest.fixture
def scene(start_gateway: Callable[..., Any], free_port: Callable[[], int], openclaw: Path, tmp_path: Path) -> Iterator[Scene]:
    port, token = free_port(), "integration-token-0123456789abcdef"
    bridge = Bridge(openclaw, tmp_path, f"ws://127.0.0.1:{port}", token)
    # Everybody with the Gateway's token is one person to it, and nobody approves their own request: say that this one may.
    approvals = {"approvals": {"selfApproval": "owner"}, "commands": {"ownerAllowFrom": [bridge.principal()]}}
    gateway = start_gateway(config=approvals, port=port)
    assert gateway.token == token
    made = Scene(gateway, bridge)
    yield made
    made.operator.close()


def definition_of(clanker: Path, home: Path) -> dict[str, Any]:
    return {"command": str(clanker), "args": ["mcp", "--transport", "stdio"], "env": {"CLANKER_HOME": str(home / "clanker")}}


# --- MCP Inspector


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector_finds_the_nine_tools_portable(scene: Scene, outside: Outside, era: str) -> None:
    listed = Inspector(outside, scene.bridge.definition()).ask("--method", "tools/list", "--strict", "--protocol-era", era)
    assert [tool["name"] for tool in listed["tools"]] == TOOLS


def test_inspector_calls_every_tool(scene: Scene, outside: Outside) -> None:
    inspector = Inspector(outside, scene.bridge.definition())
    rows = inspector.call("conversations_list", limit=10)["structuredContent"]["conversations"]
    assert [row["sessionKey"] for row in rows] == [ROOM]
    assert inspector.call("conversation_get", session_key=ROOM)["structuredContent"]["conversation"]["channel"] == "webchat"
    messages = inspector.call("messages_read", session_key=ROOM)["structuredContent"]["messages"]
    assert messages == scene.messages() and messages[0]["content"] == "Is anybody there?"
    fetched = inspector.call("attachments_fetch", session_key=ROOM, message_id=messages[0]["__openclaw"]["id"])["structuredContent"]
    assert fetched["attachments"] == [] and fetched["message"]["content"] == "Is anybody there?"
    assert inspector.call("events_poll")["structuredContent"]["events"] == []

    sent = inspector.call("messages_send", session_key=ROOM, text="Said by Inspector.")["structuredContent"]["result"]
    assert scene.texts("assistant")[-1] == "Said by Inspector." and sent["messageId"] == scene.messages()[-1]["__openclaw"]["id"]

    number, approval = scene.request_approval("Roll back web")
    open_now = inspector.call("permissions_list_open")["structuredContent"]["approvals"]
    assert [(a["kind"], a["id"], a["request"]["title"]) for a in open_now] == [("plugin", approval, "Roll back web")]
    assert inspector.call("permissions_respond", kind="plugin", id=approval, decision="allow-once")["structuredContent"] == {"result": {"ok": True}}
    scene.assert_allowed_once(number, approval)
    assert inspector.call("permissions_list_open")["structuredContent"]["approvals"] == []


def test_inspector_waits_for_an_event(scene: Scene, outside: Outside) -> None:
    inspector, ended = Inspector(outside, scene.bridge.definition()), threading.Event()

    def talk() -> None:  # a bridge hears what is said from its start on, and when that is nobody can see from outside
        while not ended.wait(0.2):
            scene.operator.call("chat.inject", sessionKey=ROOM, message="Deployed.")
    talker = threading.Thread(target=talk)
    talker.start()
    try:
        event = inspector.call("events_wait", session_key=ROOM, timeout_ms=60_000)["structuredContent"]["event"]
    finally:
        ended.set()
        talker.join()
    assert (event["type"], event["sessionKey"], event["role"], event["text"]) == ("message", ROOM, "assistant", "Deployed.")


def test_inspector_is_told_what_is_wrong(scene: Scene, outside: Outside) -> None:
    inspector = Inspector(outside, scene.bridge.definition())
    refused = inspector.call("conversation_get", status=5, session_key="agent:main:nowhere")
    assert refused["isError"] and refused["content"][0]["text"] == "conversation not found: agent:main:nowhere"
    refused = inspector.call("conversations_list", status=5, limit=0)
    assert refused["isError"] and "expected number to be >=1 at limit" in refused["content"][0]["text"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector_at_clanker(outside: Outside, clanker: Path, tmp_path: Path, era: str) -> None:
    inspector = Inspector(outside, definition_of(clanker, tmp_path))
    assert "clanker_version" in [tool["name"] for tool in inspector.ask("--method", "tools/list", "--strict", "--protocol-era", era)["tools"]]
    assert not inspector.call("clanker_version").get("isError")


# --- Claude Code and Codex


def script(nonce: str) -> list[dict[str, Any]]:
    """Point 6 of the story as a model would go about it."""
    return [
        {"tool": "conversations_list", "arguments": {}, "expect": ROOM},
        {"tool": "messages_read", "arguments": {"session_key": {"$find": f"({ROOM})", "in": "conversations_list"}}, "expect": "Is anybody there"},
        {"tool": "events_wait", "arguments": {"session_key": ROOM, "timeout_ms": 60_000}, "expect": f"news {nonce}"},
        {"tool": "messages_send", "arguments": {"session_key": ROOM, "text": f"answer {nonce}"}, "expect": "messageId|sent"},
        *approve_and(),
    ]


def test_claude_code_finds_both_healthy(scene: Scene, agents: Outside, clanker: Path) -> None:
    bridge = scene.bridge
    given = [flag for name, value in bridge.environment.items() for flag in ("-e", f"{name}={value}")]
    agents.run("claude", "mcp", "add", "openclaw", *given, "--", bridge.command, *bridge.arguments)
    agents.run("claude", "mcp", "add", "clanker", "--", str(clanker), "mcp", "--transport", "stdio")
    listed = agents.run("claude", "mcp", "list").stdout
    for name in ("openclaw", "clanker"):
        line = next(line for line in listed.splitlines() if line.startswith(name + ":"))
        assert "Connected" in line, listed


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_listens_answers_and_approves(scene: Scene, agents: Outside, start_double: Callable[..., Any], agent: Any) -> None:
    model, nonce = start_double("scripted_model.py"), uuid.uuid4().hex
    turns = agent.first_turns(TOOLS) + script(nonce)
    model.control("script", turns=turns, text="All done.")
    number, approval = scene.request_approval("Roll back web")
    spoke = threading.Event()

    def speak_when_awaited() -> None:
        journal = model.until("journal", lambda j: j["broken"] or any(e.get("tool", "").endswith("events_wait") for e in j["entries"]), RUN_SECONDS)
        if not journal["broken"]:
            spoke.set()
            scene.says(f"news {nonce}")
    speaker = threading.Thread(target=speak_when_awaited)
    speaker.start()
    try:
        last_words = agent.play(agents, model.ready["url"], scene.bridge.definition())
    finally:
        speaker.join(RUN_SECONDS)
    assert_played(model, agent, turns)
    assert spoke.is_set() and "All done." in last_words
    assert scene.texts("assistant").count(f"answer {nonce}") == 1
    scene.assert_allowed_once(number, approval)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_calls_clanker(agents: Outside, start_double: Callable[..., Any], clanker: Path, tmp_path: Path, agent: Any) -> None:
    model = start_double("scripted_model.py")
    turns = [*agent.first_turns(["clanker_version"]), {"tool": "clanker_version", "expect": r"\d+\.\d+"}]
    model.control("script", turns=turns, text="All done.")
    assert "All done." in agent.play(agents, model.ready["url"], definition_of(clanker, tmp_path))
    assert_played(model, agent, turns)
