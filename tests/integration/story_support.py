"""The world of the story: an estate in which a deploy went wrong, a Gateway with clanker behind it, Slack and Telegram played by
their doubles, and people in front of three surfaces.

The people: Ada asks (and is an approver, who must not approve what she asked for), Bo approves, Eve may speak but not approve.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from gateway_client import Client, Closed, Refused

QUESTION = "Is production healthy after the last deploy?"
ORDER = "Roll it back."
CHANNELS = ["webchat", "telegram", "slack"]
WAIT = 60.0
SLACK_OPS, TELEGRAM_OPS = "C0OPS", "-1002"
SLACK_PEOPLE = {"ada": "U0ADA", "bo": "U0BOSS", "eve": "U0EVE"}
TELEGRAM_PEOPLE = {"ada": 99, "bo": 7, "eve": 8}
REPEATED = "repeated after an interruption"


def until(look: Callable[[], Any], what: str, seconds: float = WAIT) -> Any:
    """Asks again until the answer is true; it is returned. A test never waits for luck: the condition decides."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"it never came about: {what}"
        time.sleep(0.03)


class World:
    """Everything there is; surfaces speak through it."""

    def __init__(self, folder: Path, binaries: Path, start_gateway: Callable[..., Any], estate: Callable[..., Any], start_double: Callable[..., Any],
                 *, environment: dict[str, str] | None = None, scenario: str = "bad-deploy", start: bool = True, **config: Any) -> None:
        self.folder, self.binaries = folder, binaries
        with ThreadPoolExecutor() as pool:  # none needs another
            parts = [pool.submit(estate, scenario), pool.submit(start_double, "slack_double.py", "--ack-seconds", "0.5"),
                     pool.submit(start_double, "telegram_double.py")]
        self.shop, self.slack, self.telegram = (part.result() for part in parts)
        self.clanker_home = folder / "clanker-home"
        self.clanker_home.mkdir(mode=0o700)
        for chat in (-1001, int(TELEGRAM_OPS)):  # the bot is in these groups: somebody has spoken there
            self.telegram.control("message", chat_id=chat, text="good morning", **{"from": {"id": 99}})
        self.environment = {"KUBECONFIG": self.shop.kubeconfig, "GITHUB_TOKEN": self.shop.github_token, "GITHUB_API_URL": self.shop.github,
                            "CLANKER_HOME": str(self.clanker_home), **(environment or {})}
        self.settings = {**self.ordinary(), **config}
        self.start_gateway = start_gateway
        self.gateway: Any = None
        self._client: Client | None = None
        if start:
            self.start()

    def ordinary(self) -> dict[str, Any]:
        """The configuration that most tests use."""
        slack_ids = [f"T0TEAM.{user}" for user in SLACK_PEOPLE.values()]
        return {
            "channels": {
                "slack": {"botToken": self.slack.ready["bot_token"], "appToken": self.slack.ready["app_token"], "apiUrl": self.slack.ready["url"] + "/api",
                          "allowFrom": slack_ids, "groupAllowFrom": slack_ids, "channels": {"C0DEV": {}, SLACK_OPS: {}}},
                "telegram": {"botToken": self.telegram.ready["token"], "apiRoot": self.telegram.ready["url"], "allowFrom": list(TELEGRAM_PEOPLE.values()),
                             "groupAllowFrom": list(TELEGRAM_PEOPLE.values()), "groups": {"-1001": {}, TELEGRAM_OPS: {}}},
            },
            "approvals": {"plugin": {"mode": "both", "targets": [{"channel": "slack", "to": SLACK_OPS}, {"channel": "telegram", "to": TELEGRAM_OPS}]},
                          "approvers": ["slack:T0TEAM.U0ADA", "slack:T0TEAM.U0BOSS", "telegram:99", "telegram:7"]},
            "mcp": {"servers": {"clanker": {"command": str(self.binaries / "clanker"), "args": ["mcp", "--transport", "stdio"], "env": self.environment,
                                            "trust": "annotations"}}},
        }

    def start(self) -> None:
        """Starts the Gateway, and names its approval authority to clanker."""
        self.gateway = self.start_gateway(config=self.settings)
        key = until(lambda: self.authority_key(), "the Gateway's approval authority")
        self.clanker("trust", "add", "gateway", key)

    def authority_key(self) -> str:
        path = self.gateway.state / "identity/approval-authority.pub"
        return path.read_text().strip() if path.exists() else ""

    def clanker(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run("clanker", *arguments, environment={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}, code=code)

    def openclaw(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run("openclaw", *arguments, environment={**self.gateway.environment, "OPENCLAW_GATEWAY_PORT": str(self.gateway.port)}, code=code)

    def run(self, program: str, *arguments: str, environment: dict[str, str], code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([str(self.binaries / program), *arguments], env=environment, capture_output=True, text=True, timeout=WAIT)
        assert code is None or done.returncode == code, f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def call(self, method: str, **params: Any) -> Any:
        """A method of the Gateway, as the owner on the web page; connects again after a restart."""
        try:
            return self.client().call(method, **params)
        except (OSError, Closed):
            self.disconnect()
        return self.client().call(method, **params)

    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.gateway.port, self.gateway.token)
        return self._client

    def disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def pending(self) -> list[dict[str, Any]]:
        return list(self.call("plugin.approval.list"))

    def one_pending(self) -> dict[str, Any]:
        until(self.pending, "a request that waits for a decision")
        found, = self.pending()
        return found

    def effects(self) -> list[dict[str, Any]]:
        """Mutating requests that reached the cluster or GitHub."""
        return [entry for entry in self.shop.journal() if entry["verb"] in ("PATCH", "PUT", "POST", "DELETE")]

    def checkout(self) -> tuple[str, bool]:
        """The image that checkout should run, and whether all its pods run it and are ready."""
        kubernetes = self.shop.state()["kubernetes"]
        found = next(entry for entry in kubernetes["deployments"] if entry["metadata"]["name"] == "checkout")
        status, wanted = found["status"], found["spec"]["replicas"]
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        ready = status.get("readyReplicas") == status.get("updatedReplicas") == wanted and status.get("observedGeneration") == found["metadata"]["generation"]
        return image, ready and status.get("replicas") == wanted

    def assert_applied_once(self) -> None:
        one, = self.effects()
        assert one["service"] == "kubernetes" and one["path"].split("?")[0].endswith("/deployments/checkout") and one["status"] < 300, one
        image, ready = self.checkout()
        assert image == "shop/checkout:v1.4.1" and ready

    def hurry(self) -> None:
        """The cluster's clock runs faster, so that pods are ready soon."""
        self.shop.tell("POST", "/clock/rate", {"rate": 20})

    def chains(self) -> list[Path]:
        return [self.gateway.state / "audit", self.clanker_home / "audit"]


class Surface:
    """Where Ada stands. `said()` is what the bot said in her thread, oldest first."""

    channel = ""

    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, text: str) -> None:
        """Begins a conversation, or goes on in it."""
        raise NotImplementedError

    def said(self) -> list[str]:
        raise NotImplementedError

    def answer(self, *words: str, after: int = 0) -> str:
        """The next thing said that holds all these words."""
        def look() -> str:
            return next((text for text in self.said()[after:] if all(word in text for word in words)), "")
        return str(until(look, f"an answer with {words}; said: {self.said()}"))

    def place(self) -> "Place | None":
        """Where the card stands in the thread; None on the web page, which shows it beside the conversation."""
        return None

    def approve_self(self) -> str:
        """Ada tries to approve her own request: what she is told."""
        raise NotImplementedError


class Place:
    """A place in a messenger where cards stand: cards(), press(), told(), write()."""

    channel = ""

    def __init__(self, world: World) -> None:
        self.world = world

    def messages(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    def buttons(self, message: dict[str, Any]) -> list[str]:
        raise NotImplementedError

    def card(self) -> dict[str, Any]:
        """The one card here, with its buttons."""
        found = until(lambda: [m for m in self.messages() if "Approval needed" in m["text"]], f"a card in {self.channel}")
        assert len(found) == 1 and self.buttons(found[0]) == ["Approve", "Deny"], found
        return dict(found[0])

    def outcome(self, *words: str) -> dict[str, Any]:
        """What the card has become: rewritten in place, without buttons."""
        def look() -> Any:
            return [m for m in self.messages() if all(word in m["text"] for word in words) and m.get("history")]
        found, = until(look, f"a card in {self.channel} that says {words}: {self.messages()}")
        assert not self.buttons(found), found
        return dict(found)

    def press(self, who: str, label: str = "Approve", late: str = "") -> str:
        """A press, and what that person alone is told. `late` is the button's token on a card that was rewritten meanwhile."""
        raise NotImplementedError

    def token(self, label: str = "Approve") -> str:
        raise NotImplementedError

    def write(self, who: str, text: str) -> None:
        raise NotImplementedError


class SlackPlace(Place):
    channel = "slack"

    def __init__(self, world: World, to: str, thread: str = "") -> None:
        super().__init__(world)
        self.to, self.thread = to, thread

    def messages(self) -> list[dict[str, Any]]:
        return [m for m in self.world.slack.control("messages", channel=self.to, sent="1") if not self.thread or m.get("thread_ts") == self.thread]

    def buttons(self, message: dict[str, Any]) -> list[str]:
        return [e["text"]["text"] for b in message.get("blocks", []) if b["type"] == "actions" for e in b["elements"]]

    def token(self, label: str = "Approve") -> str:
        elements = [e for b in self.card()["blocks"] if b["type"] == "actions" for e in b["elements"]]
        return str(next(e["value"] for e in elements if e["text"]["text"] == label))

    def press(self, who: str, label: str = "Approve", late: str = "") -> str:
        before = len(self.world.slack.control("ephemeral"))
        message = self.outcome() if late else self.card()
        choice = {"value": late, "stale": "1"} if late else {"label": label}
        assert "error" not in self.world.slack.control("press", channel=self.to, ts=message["ts"], user=SLACK_PEOPLE[who], **choice)
        told = self.world.slack.until("ephemeral", lambda all_told: len(all_told) > before, seconds=WAIT)[before:]
        assert len(told) == 1 and told[0]["user"] == SLACK_PEOPLE[who], told
        return str(told[0]["text"])

    def write(self, who: str, text: str) -> None:
        thread = {"thread_ts": self.thread} if self.thread else {}
        self.world.slack.control("post", channel=self.to, user=SLACK_PEOPLE[who], text=text if self.thread else "<@U0BOT> " + text, **thread)


class TelegramPlace(Place):
    channel = "telegram"

    def __init__(self, world: World, to: str, thread: int = 0) -> None:
        super().__init__(world)
        self.to, self.thread = to, thread

    def messages(self) -> list[dict[str, Any]]:
        return [m for m in self.world.telegram.control("messages", chat_id=self.to, sent="1") if m.get("message_thread_id", 0) == self.thread]

    def buttons(self, message: dict[str, Any]) -> list[str]:
        return [b["text"] for row in message.get("reply_markup", {}).get("inline_keyboard", []) for b in row]

    def token(self, label: str = "Approve") -> str:
        return str(next(b["callback_data"] for row in self.card()["reply_markup"]["inline_keyboard"] for b in row if b["text"] == label))

    def press(self, who: str, label: str = "Approve", late: str = "") -> str:
        before = len(self.world.telegram.control("answers"))
        message = self.outcome() if late else self.card()
        choice = {"data": late, "stale": "1"} if late else {"label": label}
        pressed = self.world.telegram.control("press", chat_id=self.to, message_id=message["message_id"], **{"from": {"id": TELEGRAM_PEOPLE[who], "first_name": who.title()}}, **choice)
        assert "error" not in pressed, pressed
        told = self.world.telegram.until("answers", lambda answers: len(answers) > before, seconds=WAIT)[before:]
        assert len(told) == 1 and told[0]["from"]["id"] == TELEGRAM_PEOPLE[who], told
        return str(told[0]["text"])

    def write(self, who: str, text: str) -> None:
        given = {"text": text, "thread": self.thread} if self.thread else {"text": "@pincer_bot " + text}
        self.world.telegram.control("message", chat_id=int(self.to), **given, **{"from": {"id": TELEGRAM_PEOPLE[who], "first_name": who.title()}})


class WebchatSurface(Surface):
    channel = "webchat"
    key = "agent:main:main"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.asked = 0

    def ask(self, text: str) -> None:
        self.asked += 1
        self.world.call("chat.send", sessionKey=self.key, message=text, idempotencyKey=f"web-{self.asked}")

    def history(self) -> list[dict[str, Any]]:
        return list(self.world.call("chat.history", sessionKey=self.key)["messages"])

    def said(self) -> list[str]:
        return [text_of(m) for m in self.history() if m["role"] == "assistant"]

    def approve_self(self) -> str:
        try:
            self.world.call("plugin.approval.resolve", id=self.world.one_pending()["id"], decision="allow-once")
        except Refused as refused:
            return str(refused.what["message"])
        return "approved"


class TelegramSurface(Surface):
    """A topic of a group: the first message names the bot, the next ones need not."""

    channel = "telegram"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.there = TelegramPlace(world, "-1001", 42)
        self.begun = False

    def ask(self, text: str) -> None:
        self.there.write("ada", text if self.begun else "@pincer_bot " + text)
        self.begun = True

    def said(self) -> list[str]:
        return [m["text"] for m in self.there.messages()]

    def place(self) -> Place:
        return self.there

    def approve_self(self) -> str:
        return self.there.press("ada")


class SlackSurface(Surface):
    """A channel: the question names the app, its thread is the conversation."""

    channel = "slack"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.there: SlackPlace | None = None

    def ask(self, text: str) -> None:
        if self.there:
            return self.there.write("ada", text)
        posted = self.world.slack.control("post", channel="C0DEV", user=SLACK_PEOPLE["ada"], text="<@U0BOT> " + text)
        self.there = SlackPlace(self.world, "C0DEV", posted["ts"])

    def said(self) -> list[str]:
        return [m["text"] for m in self.there.messages()] if self.there else []

    def place(self) -> Place:
        assert self.there
        return self.there

    def approve_self(self) -> str:
        assert self.there
        return self.there.press("ada")


SURFACES: dict[str, type[Surface]] = {"webchat": WebchatSurface, "telegram": TelegramSurface, "slack": SlackSurface}


def text_of(message: dict[str, Any]) -> str:
    """The text of a message of chat.history."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or [] if part.get("type") == "text") or str(message.get("text", ""))


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of a chain, as they stand in its file."""
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
