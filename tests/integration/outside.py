"""MCP clients that others wrote, unmodified: how they are started, what they may reach, and that they leave nothing behind.

Claude Code and Codex have no account: their model is tests/doubles/scripted_model.py, which orders one tool after another
and answers with nothing but what the client carried back. They are installed by `tools/node_tools oracles`; where they are
not, their tests are skipped. MCP Inspector is among what every ./test has.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from watcher import eventually

RUN_SECONDS = 90.0


def survivors(home: Path) -> list[str]:
    """The command lines of what runs with that home, in whatever session it has put itself."""
    left = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and f"HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                left.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            pass  # it ended meanwhile, or is somebody else's
    return left


class Outside:
    """A home of its own and a clean environment for the programs of others. None may leave a server behind when it ends."""

    def __init__(self, folder: Path, node: str, node_tools: Path) -> None:
        self.home, self.bin = folder / "home", node_tools / "node_modules/.bin"
        self.home.mkdir()
        (self.home / ".codex").mkdir()
        self.environment = {"HOME": str(self.home), "PATH": f"{Path(node).parent}:/usr/bin:/bin", "TERM": "dumb", "NO_COLOR": "1", "TMPDIR": str(folder),
                            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}

    def run(self, program: str, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Its output, once it has ended; it must end with `status`."""
        command = [str(self.bin / program), *arguments]
        child = subprocess.Popen(command, env={**self.environment, **environment}, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            out, err = child.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            pytest.fail(f"{program} did not end within {RUN_SECONDS:.0f} s:\n{out[-3000:]}\n{err[-3000:]}")
        eventually(lambda: survivors(self.home), lambda left: not left)
        assert child.returncode == status, f"{program} ended with {child.returncode}:\n{out[-3000:]}\n{err[-3000:]}"
        return subprocess.CompletedProcess(command, child.returncode, out, err)


@pytest.fixture
def outside(tmp_path: Path, node: str, node_tools: Path) -> Outside:
    return Outside(tmp_path, node, node_tools)


@pytest.fixture
def agents(outside: Outside) -> Outside:
    """For the tests that need Claude Code and Codex."""
    for name in ("claude", "codex"):
        if not (outside.bin / name).exists():
            pytest.skip(f"{name} is not installed (tools/node_tools oracles)")
    return outside


class Inspector:
    """The command line of MCP Inspector at one server; each question is a process of its own."""

    def __init__(self, outside: Outside, definition: dict[str, Any]) -> None:
        self.outside, self.config = outside, outside.home / "mcp.json"
        self.config.write_text(json.dumps({"mcpServers": {"ours": definition}}))

    def ask(self, *arguments: str, status: int = 0) -> Any:
        done = self.outside.run("mcp-inspector", "--cli", "--config", str(self.config), "--server", "ours", "--format", "json", *arguments, status=status)
        answer = json.loads(done.stdout)
        return answer.get("result", answer)

    def call(self, tool: str, status: int = 0, **arguments: Any) -> dict[str, Any]:
        return self.ask("--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments), status=status)


class ClaudeCode:
    """One turn of `claude -p` with one MCP server."""

    name, api = "claude", "messages"

    @staticmethod
    def first_turns(tools: list[str]) -> list[dict[str, Any]]:
        """It keeps the tools of MCP servers back until its model has looked for them."""
        wanted = ",".join(f"mcp__ours__{tool}" for tool in tools)
        return [{"tool": "ToolSearch", "arguments": {"query": f"select:{wanted}", "max_results": len(tools)}}]

    @staticmethod
    def play(agents: Outside, model_url: str, definition: dict[str, Any]) -> str:
        """Its last words."""
        config = agents.home / "mcp.json"
        config.write_text(json.dumps({"mcpServers": {"ours": definition}}))
        done = agents.run("claude", "-p", "Play the script.", "--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", "mcp__ours",
                          "--output-format", "json", ANTHROPIC_BASE_URL=model_url, ANTHROPIC_API_KEY="not-a-key")
        return str(json.loads(done.stdout)["result"])


class Codex:
    """One turn of `codex exec` with one MCP server, added as its users add it."""

    name, api = "codex", "responses"

    @staticmethod
    def first_turns(tools: list[str]) -> list[dict[str, Any]]:
        return []

    @staticmethod
    def play(agents: Outside, model_url: str, definition: dict[str, Any]) -> str:
        given = [flag for name, value in definition["env"].items() for flag in ("--env", f"{name}={value}")]
        agents.run("codex", "mcp", "add", "ours", *given, "--", definition["command"], *definition["args"])
        shown = json.loads(agents.run("codex", "mcp", "get", "ours", "--json").stdout)
        assert shown["transport"]["command"] == definition["command"]
        provider = f'model_providers.scripted={{name="scripted",base_url="{model_url}/v1",env_key="SCRIPTED_KEY",wire_api="responses"}}'
        done = agents.run("codex", "exec", "--skip-git-repo-check", "-c", "model_provider=scripted", "-c", "model=scripted", "-c", provider,
                          "-c", 'mcp_servers.ours.default_tools_approval_mode="approve"', "--sandbox", "read-only", "--json", "Play the script.",
                          SCRIPTED_KEY="not-a-key")
        said = [json.loads(line).get("item", {}).get("text") for line in done.stdout.splitlines() if line.startswith("{")]
        return str([text for text in said if text][-1:])


AGENTS = [ClaudeCode, Codex]


def approve_and(*then: dict[str, Any]) -> list[dict[str, Any]]:
    """Turns: the one open request is allowed, under the id that the client was told."""
    return [
        {"tool": "permissions_list_open", "arguments": {}, "expect": "Roll back"},
        {"tool": "permissions_respond", "arguments": {"kind": "plugin", "id": {"$find": "(plugin:[0-9a-f-]{36})", "in": "permissions_list_open"},
                                                      "decision": "allow-once"}, "expect": "ok|resolved"},
        *then,
    ]


def assert_played(model: Any, agent: Any, turns: list[dict[str, Any]]) -> None:
    """Every turn was called once, in order, over the client's own model API, and every result came back as expected."""
    journal = model.control("journal")
    assert not journal["broken"], journal["broken"]
    assert journal["done"] and {entry["api"] for entry in journal["entries"]} == {agent.api}, journal
    assert [entry["tool"].rpartition("__")[2] for entry in journal["entries"] if "tool" in entry] == [turn["tool"] for turn in turns]
