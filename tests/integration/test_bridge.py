"""`openclaw mcp serve` over raw stdio against a real Gateway: what the clients of others hide. Claude's channel, the nine
tools across a kill of either side, and what a cursor is worth afterwards."""

from __future__ import annotations

import itertools
import threading
import uuid
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from gateway_client import Closed, Refused
from mcp_bridge import ROOM, Bridge
from mcp_stdio import McpClient
from watcher import Watcher, eventually

QUEUE = 1000  # events that a bridge keeps


@pytest.fixture
def operators(gateway: Any) -> Iterator[Callable[[], Watcher]]:
    """A factory of operators at the Gateway, in whichever of its lives."""
    made: list[Watcher] = []

    def connect() -> Watcher:
        made.append(Watcher(gateway))
        return made[-1]
    yield connect
    for one in made:
        one.close()


@pytest.fixture
def operator(operators: Callable[[], Watcher]) -> Watcher:
    """With one conversation begun."""
    one = operators()
    ask(one, "Is anybody there?")
    return one


@pytest.fixture
def bridge(gateway: Any, openclaw: Path, tmp_path: Path) -> Bridge:
    return Bridge(openclaw, tmp_path, gateway.url, gateway.token)


@pytest.fixture
def start_bridge(bridge: Bridge) -> Iterator[Callable[..., McpClient]]:
    """start_bridge("--state-dir", ...) -> one that has reached the Gateway. Nothing but MCP may stand on its output."""
    started: list[McpClient] = []

    def start(*flags: str) -> McpClient:
        started.append(McpClient([bridge.command, *bridge.arguments, *flags], {"HOME": str(bridge.state), **bridge.environment}))
        started[-1].tool("permissions_list_open")
        return started[-1]
    yield start
    for one in started:
        one.stop()
        assert not one.stray, one.stray


def ask(operator: Watcher, text: str) -> None:
    """A person writes; returns when the answer is there."""
    since, run = len(operator.events), str(uuid.uuid4())
    operator.call("chat.send", sessionKey=ROOM, message=text, idempotencyKey=run)
    operator.wait_event(lambda name, p: name == "chat" and p.get("runId") == run and p.get("state") == "final", since=since)


def note(operator: Watcher, text: str) -> None:
    operator.call("chat.inject", sessionKey=ROOM, message=text)


def transcript(operator: Watcher) -> list[str]:
    return [m["__openclaw"]["id"] for m in operator.call("sessions.get", key=ROOM, limit=1000)["messages"]]


def poll_all(client: McpClient, after: int = 0) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while True:
        page = client.tool("events_poll", after_cursor=after, limit=200)
        assert "gap" not in page or page["gap"] is None, page["gap"]
        if not page["events"]:
            return events
        events += page["events"]
        after = page["next_cursor"]


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [e["text"] for e in events if e["type"] == "message"]


def assert_in_order(events: list[dict[str, Any]]) -> None:
    cursors = [e["cursor"] for e in events]
    assert cursors == sorted(set(cursors)), cursors
    ids = [e["messageId"] for e in events if e["type"] == "message"]
    assert len(ids) == len(set(ids)), "an event came twice"


# --- Claude's channel


def test_claude_is_told_what_a_person_writes(operator: Watcher, start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge("--claude-channel-mode", "on")
    assert client.initialized["capabilities"]["experimental"] == {"claude/channel": {}, "claude/channel/permission": {}}
    ask(operator, "Is production healthy?")
    told = client.wait_notification("notifications/claude/channel")
    message = operator.call("sessions.get", key=ROOM, limit=2)["messages"][0]
    assert told == {"content": "Is production healthy?", "meta": {"session_key": ROOM, "channel": "webchat", "to": ROOM, "account_id": "default", "thread_id": "",
                                                                  "message_id": message["__openclaw"]["id"]}}
    # Its answer is an event, but nothing that a person said.
    assert [e["role"] for e in poll_all(client)] == ["user", "assistant"]
    assert [n["method"] for n in client.notifications] == ["notifications/claude/channel"]


def test_claude_asks_for_permission_and_a_person_answers(operator: Watcher, start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge("--claude-channel-mode", "on")
    for request_id in ("abcde", "fghij"):
        client.notify("notifications/claude/channel/permission_request",
                      {"request_id": request_id, "tool_name": "Bash", "description": "Lists files", "input_preview": '{"command":"ls"}'})
    asked = eventually(lambda: client.tool("events_poll")["events"], lambda events: len(events) == 2)
    assert [(e["type"], e["requestId"], e["toolName"], e["inputPreview"]) for e in asked] == [
        ("claude_permission_request", "abcde", "Bash", '{"command":"ls"}'), ("claude_permission_request", "fghij", "Bash", '{"command":"ls"}')]

    ask(operator, "Yes ABCDE")
    assert client.wait_notification("notifications/claude/channel/permission") == {"request_id": "abcde", "behavior": "allow"}
    ask(operator, "no fghij")
    assert client.wait_notification("notifications/claude/channel/permission", lambda p: p["request_id"] == "fghij") == {"request_id": "fghij", "behavior": "deny"}
    ask(operator, "yes abcde")  # answered already: words like any other
    assert client.wait_notification("notifications/claude/channel")["content"] == "yes abcde"
    assert sum(n["method"] == "notifications/claude/channel/permission" for n in client.notifications) == 2
    assert [e["text"] for e in poll_all(client) if e.get("role") == "user"] == ["yes abcde"]  # the answers were no events


def test_without_the_channel_nothing_is_pushed(operator: Watcher, start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge("--claude-channel-mode", "off")
    assert "experimental" not in client.initialized["capabilities"]
    ask(operator, "Is production healthy?")
    assert texts(eventually(lambda: poll_all(client), lambda events: len(events) == 2))[0] == "Is production healthy?"
    assert client.notifications == []


# --- the Gateway is killed


def test_tools_and_events_go_on_after_the_gateway_was_killed(gateway: Any, operator: Watcher, operators: Callable[[], Watcher],
                                                             start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge()
    note(operator, "before")
    cursor = client.tool("events_wait", session_key=ROOM)["event"]["cursor"]
    number = client.start_tool("events_wait", after_cursor=cursor, session_key=ROOM, timeout_ms=60_000)  # waits through it all

    gateway.kill9()
    client.wait_said("the Gateway is not there")
    listing = client.start_tool("conversations_list")  # asked while nobody is there: answered when somebody is
    gateway.start()
    later = operators()
    note(later, "after")  # the bridge is likely not back yet: it must be told all the same

    assert [row["sessionKey"] for row in client.answer(listing)["structuredContent"]["conversations"]] == [ROOM]
    assert client.answer(number, 60)["structuredContent"]["event"]["text"] == "after"
    events = poll_all(client)
    assert texts(events) == ["before", "after"]
    assert_in_order(events)
    sent = client.tool("messages_send", session_key=ROOM, text="and on")
    assert transcript(later)[-1] == sent["result"]["messageId"]
    client.wait_said("connected to the Gateway")


def test_an_approval_outlives_the_gateway_and_is_decided_once(gateway: Any, operator: Watcher, operators: Callable[[], Watcher],
                                                              start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge()
    operator.start("plugin.approval.request", pluginId="deploy", title="Roll back web", description="to the version before", severity="warning", toolName="apply")
    shown = operator.wait_event(lambda name, _: name == "plugin.approval.requested")
    before = eventually(lambda: client.tool("permissions_list_open")["approvals"], lambda found: found)
    gateway.kill9()
    gateway.start()
    later = operators()
    assert eventually(lambda: client.tool("permissions_list_open")["approvals"], lambda found: found) == before
    # Everybody with the Gateway's token is its owner, and nobody approves their own request. Denying one's own is free.
    assert client.refusal("permissions_respond", kind="plugin", id=shown["id"], decision="allow-once") == "you asked for this, somebody else has to approve it"
    assert client.tool("permissions_respond", kind="plugin", id=shown["id"], decision="deny") == {"result": {"ok": True}}
    assert client.tool("permissions_list_open")["approvals"] == []
    with pytest.raises(Refused) as again:
        later.call("plugin.approval.resolve", id=shown["id"], decision="allow-once")
    assert again.value.what["details"]["reason"] == "APPROVAL_ALREADY_RESOLVED"
    assert later.call("approval.describe", id=shown["id"])["resolvedVia"] == "mcp"
    kinds = [e["type"] for e in poll_all(client)]
    assert kinds.count("plugin_approval_requested") == 1 and kinds.count("plugin_approval_resolved") == 1


def test_no_event_is_lost_or_doubled_over_many_kills(gateway: Any, operator: Watcher, operators: Callable[[], Watcher],
                                                     start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge()
    first = transcript(operator)
    acknowledged: list[str] = []
    most = [0]  # so many are written: enough for a kill to come in between, and fewer in all than the bridge keeps
    stop = threading.Event()

    def write() -> None:
        mine: Watcher | None = None
        for count in itertools.count():
            while len(acknowledged) >= most[0] and not stop.wait(0.01):
                pass
            if stop.is_set():
                return
            try:
                mine = mine if mine and mine.open else operators()
                mine.call("chat.inject", sessionKey=ROOM, message=f"note {count}")
                acknowledged.append(f"note {count}")
            except (AssertionError, Closed, OSError):
                stop.wait(0.05)  # the Gateway is dead just now
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for life in range(6):
            goal = len(acknowledged) + 15
            most[0] = goal + 60
            eventually(lambda: len(acknowledged), lambda count: count >= goal, 60)
            if life % 2:  # killed while the bridge is there, and killed again before it has come back
                eventually(lambda: set(texts(poll_all(client))), lambda heard: acknowledged[goal - 1] in heard, 60)
            gateway.kill9()
            gateway.start()
    finally:
        stop.set()
        writer.join()
    last = operators()
    note(last, "the end")
    stored = last.call("sessions.get", key=ROOM, limit=1000)["messages"]
    expected = [m["__openclaw"]["id"] for m in stored][len(first):]
    events = eventually(lambda: poll_all(client), lambda found: texts(found)[-1:] == ["the end"], 60)
    assert [e["messageId"] for e in events] == expected
    assert_in_order(events)
    assert set(acknowledged) <= set(texts(events)), "an acknowledged message is gone"


# --- the bridge is killed


def test_a_cursor_outlives_the_bridge(operator: Watcher, start_bridge: Callable[..., McpClient], tmp_path: Path) -> None:
    kept = str(tmp_path / "events")
    client = start_bridge("--state-dir", kept)
    for word in ("one", "two", "three"):
        note(operator, word)
    events = eventually(lambda: poll_all(client), lambda found: len(found) == 3)
    cursor = events[0]["cursor"]
    client.kill9()
    note(operator, "meanwhile")
    again = start_bridge("--state-dir", kept)
    after = eventually(lambda: poll_all(again, cursor), lambda found: len(found) == 3)
    assert texts(after) == ["two", "three", "meanwhile"]
    assert after[:2] == events[1:], "the same events under the same cursors"
    assert_in_order(after)


def test_a_deleted_conversation_does_not_hide_what_came_after_it(operator: Watcher, start_bridge: Callable[..., McpClient], tmp_path: Path) -> None:
    kept = str(tmp_path / "events")
    client = start_bridge("--state-dir", kept)
    note(operator, "heard")
    eventually(lambda: texts(poll_all(client)), lambda found: found == ["heard"])
    client.kill9()
    other = "agent:main:other"
    operator.call("chat.send", sessionKey=other, message="hello", idempotencyKey=str(uuid.uuid4()))
    for _ in range(6):  # more than the bridge asks for at once
        for request in [operator.start("chat.inject", sessionKey=ROOM, message="gone") for _ in range(200)]:
            operator.answer(request, 60)
    operator.call("chat.inject", sessionKey=other, message="still here")
    operator.call("sessions.delete", key=ROOM)
    again = start_bridge("--state-dir", kept)
    assert texts(eventually(lambda: poll_all(again), lambda found: len(found) > 1))[-1] == "still here"


def test_two_bridges_do_not_share_a_folder(operator: Watcher, start_bridge: Callable[..., McpClient], tmp_path: Path) -> None:
    first = start_bridge("--state-dir", str(tmp_path / "events"))
    second = start_bridge("--state-dir", str(tmp_path / "events"))
    second.wait_said("cursors will not outlive this process")
    note(operator, "to both")
    for client in (first, second):
        assert client.tool("events_wait", session_key=ROOM)["event"]["text"] == "to both"


def test_without_a_folder_cursors_begin_anew(operator: Watcher, start_bridge: Callable[..., McpClient]) -> None:
    client = start_bridge()
    note(operator, "one")
    assert client.tool("events_wait")["event"]["cursor"] == 1
    client.kill9()
    again = start_bridge()
    note(operator, "two")
    event = again.tool("events_wait")["event"]
    assert (event["cursor"], event["text"]) == (1, "two")


def test_a_gap_is_told_also_after_a_restart(operator: Watcher, start_bridge: Callable[..., McpClient], tmp_path: Path) -> None:
    kept = str(tmp_path / "events")
    client = start_bridge("--state-dir", kept)
    extra = 5
    for first in range(0, QUEUE + extra, 201):  # no more than a connection may have open at once
        for request in [operator.start("chat.inject", sessionKey=ROOM, message=f"note {first + count}") for count in range(201)]:
            operator.answer(request, 60)
    eventually(lambda: client.tool("events_poll", after_cursor=QUEUE + extra - 1)["events"], lambda found: found, 60)
    expected = {"requested_after_cursor": 1, "oldest_available_cursor": extra + 1}
    for bridge in (client, None):
        if bridge is None:
            client.kill9()
            bridge = start_bridge("--state-dir", kept)
        page = bridge.tool("events_poll", after_cursor=1, limit=1)
        assert page["gap"] == expected and page["events"][0]["cursor"] == extra + 1
        assert bridge.tool("events_wait", after_cursor=1)["gap"] == expected
        assert "gap" not in bridge.tool("events_poll", after_cursor=extra, limit=1)
