"""How a client starts `openclaw mcp serve` for one Gateway."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mcp_stdio import McpClient

ROOM = "agent:main:clients"  # the conversation of the tests
TOOLS = ["conversations_list", "conversation_get", "messages_read", "attachments_fetch", "events_poll", "events_wait", "messages_send", "permissions_list_open",
         "permissions_respond"]


class Bridge:
    """command, arguments, environment; `state` is its own folder, apart from the Gateway's."""

    def __init__(self, program: Path, folder: Path, url: str, token: str) -> None:
        self.state, token_file = folder / "bridge-state", folder / "token"
        self.state.mkdir(mode=0o700)
        token_file.write_text(token + "\n")
        token_file.chmod(0o600)
        self.command, self.arguments = str(program), ["mcp", "serve", "--url", url, "--token-file", str(token_file)]
        self.environment = {"OPENCLAW_STATE_DIR": str(self.state), **{n: os.environ[n] for n in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if n in os.environ}}

    def definition(self) -> dict[str, Any]:
        """As the configuration files of MCP clients have it."""
        return {"command": self.command, "args": self.arguments, "env": self.environment}

    def principal(self) -> str:
        """The name under which the Gateway knows this bridge, from its own device identity (made at the first start)."""
        device = self.state / "identity/device.json"
        if not device.exists():
            McpClient([self.command, *self.arguments], {"HOME": str(self.state), **self.environment}).stop()
        return "operator:" + json.loads(device.read_text())["deviceId"][:16]
