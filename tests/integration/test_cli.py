"""The command line of openclaw: sentences, exit codes, files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

WAIT = 20.0


@pytest.fixture
def run(openclaw: Path, tmp_path: Path, free_port: Any) -> Any:
    """run(*arguments) in a home of its own, with no Gateway there."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENCLAW_GATEWAY_PORT": str(free_port())}

    def go(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(openclaw), *arguments], env={**environment, **more}, capture_output=True, text=True, timeout=WAIT)
    return go


NOTE = "Note: this command only shows OpenClaw-managed mcp.servers entries and does not include mcporter servers from config/mcporter.json."


def test_the_mcp_registry_speaks_as_the_original(run: Any, tmp_path: Path) -> None:
    path = tmp_path / ".openclaw/openclaw.json"
    empty = run("mcp", "list")
    assert empty.returncode == 0
    assert empty.stdout.splitlines() == [
        f"No OpenClaw-managed MCP servers configured in {path}. Add one with openclaw mcp set <name> "
        """'{"command":"uvx","args":["context7-mcp"]}'.""", NOTE]
    saved = run("mcp", "set", "docs", '{"url":"https://mcp.example.com/mcp","transport":"streamable-http"}')
    assert (saved.returncode, saved.stdout) == (0, f'Saved MCP server "docs" to {path}.\n')
    assert run("mcp", "set", "httpt", '{"type":"http","url":"https://mcp.example.com/h"}').returncode == 0
    assert run("mcp", "set", "context7", '{"command":"uvx","args":["context7-mcp"]}').returncode == 0
    assert run("mcp", "list").stdout.splitlines() == [f"OpenClaw-managed MCP servers ({path}):", "- context7", "- docs", "- httpt", "", NOTE]
    assert list(json.loads(run("mcp", "list", "--json").stdout)) == ["docs", "httpt", "context7"]  # as in the file
    shown = run("mcp", "show", "httpt")
    assert shown.stdout.splitlines()[0] == f'OpenClaw-managed MCP server "httpt" ({path}):'
    assert json.loads(run("mcp", "show", "httpt", "--json").stdout) == {"url": "https://mcp.example.com/h", "transport": "streamable-http"}
    for arguments in (("show", "nope"), ("unset", "nope")):
        missing = run("mcp", *arguments)
        assert (missing.returncode, missing.stderr) == (1, f'No MCP server named "nope" in {path}. Run openclaw mcp list to see configured servers.\n')
    for bad in ("[1]", "notjson", '"x"'):
        refused = run("mcp", "set", "bad", bad)
        assert (refused.returncode, refused.stderr) == (1, "MCP server config must be a JSON object.\n")
    unknown = run("mcp", "set", "bad2", '{"command":"x","timeout":5}')
    assert unknown.returncode == 1 and unknown.stderr.startswith('Config invalid after MCP set (mcp.servers.bad2: Unrecognized key: "timeout"')
    assert run("mcp", "unset", "docs").stdout == f'Removed MCP server "docs" from {path}.\n'
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_secrets_are_redacted_unless_asked_for(run: Any) -> None:
    secret = "sk-canary-123456789"
    definition = {"command": "uvx", "env": {"API_KEY": secret}}
    assert run("mcp", "set", "s", json.dumps(definition)).returncode == 0
    for arguments in (("show", "s"), ("show",), ("list", "--json"), ("show", "s", "--json"), ("list",)):
        shown = run("mcp", *arguments)
        assert shown.returncode == 0 and secret not in shown.stdout + shown.stderr, arguments
    assert secret in run("mcp", "show", "s", "--reveal").stdout


def test_comments_and_other_keys_stay(run: Any, tmp_path: Path) -> None:
    path = tmp_path / ".openclaw/openclaw.json"
    path.parent.mkdir()
    before = "{\n  // how we reach it\n  gateway: { port: 18789 }, // the door\n  mcp: {\n    servers: {\n      one: { command: 'a' }, // first\n    },\n  },\n}\n"
    path.write_text(before)
    assert run("mcp", "set", "two", '{"command":"b"}').returncode == 0
    after = path.read_text()
    for kept in ("// how we reach it", "gateway: { port: 18789 }, // the door", "one: { command: 'a' }, // first"):
        assert kept in after
    assert run("mcp", "unset", "two").returncode == 0
    assert path.read_text() == before


def test_a_broken_configuration_is_named_by_file_and_line(run: Any, tmp_path: Path) -> None:
    path = tmp_path / ".openclaw/openclaw.json"
    path.parent.mkdir()
    path.write_text("{\n  gateway: {\n    port: 18789\n    bind: 'loopback'\n  }\n}\n")
    for arguments in (("mcp", "list"), ("status",), ("mcp", "set", "x", '{"command":"c"}'), ("mcp", "serve")):
        told = run(*arguments)
        assert told.returncode == 2 and told.stderr == f"openclaw: {path}: line 4, column 5: expected ',' or '}}'\n", told.stderr
    assert "bind: 'loopback'" in path.read_text()


def test_exit_codes(run: Any) -> None:
    assert run("--version").stdout.startswith("openclaw ")
    assert run("no-such-command").returncode == 2
    assert run().returncode == 2
    assert run("gateway", "call", "health", "--params", "[]").returncode == 2
    away = run("status")
    assert away.returncode == 1 and "no Gateway answers at ws://127.0.0.1:" in away.stderr and "start one with" in away.stderr
    assert run("health").returncode == 3
    doctor = run("doctor", "--json")
    assert doctor.returncode == 3 and not json.loads(doctor.stdout)["ok"]
    assert run("status", "--url", "ws://gateway.example.com").returncode == 2  # credentials in the clear
    assert run("status", "--url", "ws://127.0.0.1:1", "--token", "a", "--token-file", "b").returncode == 2
    assert run("status", OPENCLAW_GATEWAY_PORT="70000").returncode == 2


def test_questions_to_a_running_gateway(start_gateway: Any, openclaw: Path) -> None:
    gateway = start_gateway()

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(openclaw), *arguments], env={**gateway.environment, "OPENCLAW_GATEWAY_PORT": str(gateway.port)}, capture_output=True,
                              text=True, timeout=WAIT)
    assert ask("health").stdout == "The Gateway is well.\n"
    assert ask("status").stdout.startswith(f"Gateway    ws://127.0.0.1:{gateway.port} (version ")
    assert json.loads(ask("status", "--json").stdout)["status"]["ok"]
    assert ask("approvals", "list").stdout == "Nothing waits for a decision.\n"
    assert ask("sessions", "list").returncode == 0
    assert ask("doctor").returncode == 0
    unknown = ask("gateway", "call", "no.such")
    assert unknown.returncode == 2 and unknown.stderr == "openclaw: unknown method: no.such [INVALID_REQUEST]\n"
    missing = ask("approvals", "deny", "nope")
    assert missing.returncode == 1 and "APPROVAL_NOT_FOUND" in missing.stderr
    wrong = ask("status", "--url", gateway.url, "--token", "wrong")
    assert wrong.returncode == 5 and "AUTH_TOKEN_MISMATCH" in wrong.stderr
