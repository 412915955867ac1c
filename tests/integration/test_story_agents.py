"""The story with Claude Code and Codex, unmodified, in the loop: Ada asks in a messenger, and the agent, through `openclaw
mcp serve`, finds the conversation, reads it, approves the plan, waits for the outcome and says so in Ada's thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from mcp_bridge import TOOLS, Bridge
from outside import ClaudeCode, Codex, Outside, agents, approve_and, assert_played, outside  # noqa: F401  (fixtures are used by their names)
from story_support import ORDER, QUESTION, SURFACES, World


@pytest.fixture
def world(tmp_path: Path, binaries: Path, start_gateway: Any, estate: Any, start_double: Any) -> Iterator[World]:
    made = World(tmp_path, binaries, start_gateway, estate, start_double)
    yield made
    made.disconnect()


@pytest.mark.parametrize(("agent", "channel"), [(ClaudeCode, "telegram"), (Codex, "slack")], ids=["claude-telegram", "codex-slack"])
def test_an_agent_approves_and_answers_in_the_thread(world: World, agents: Outside, start_double: Callable[..., Any], openclaw: Path, agent: Any,
                                                     channel: str) -> None:
    ada = SURFACES[channel](world)
    ada.ask(QUESTION)
    ada.answer("Production is unhealthy")
    ada.ask(ORDER)
    request = world.one_pending()
    session = request["request"]["sessionKey"]
    assert not world.effects()
    world.hurry()

    thanks = f"Approved by {agent.name}, and it has worked."
    turns = agent.first_turns(TOOLS) + [
        {"tool": "conversations_list", "arguments": {"channel": channel}, "expect": session},
        {"tool": "messages_read", "arguments": {"session_key": session}, "expect": f"crash looping.*{ORDER}"},
        *approve_and({"tool": "events_wait", "arguments": {"session_key": session, "timeout_ms": 60_000}, "expect": "It has recovered"},
                     {"tool": "messages_send", "arguments": {"session_key": session, "text": thanks}, "expect": "messageId|sent"}),
    ]
    model = start_double("scripted_model.py")
    model.control("script", turns=turns, text="All done.")
    bridge = Bridge(openclaw, world.folder, world.gateway.url, world.gateway.token)
    assert "All done." in agent.play(agents, model.ready["url"], bridge.definition())

    assert_played(model, agent, turns)
    record = world.call("approval.describe", id=request["id"])
    assert (record["decision"], record["resolvedVia"]) == ("allow-once", "mcp"), record
    assert not world.pending()
    ada.answer(thanks)
    assert ada.said().count(thanks) == 1 and sum("It has recovered" in text for text in ada.said()) == 1
    world.assert_applied_once()
