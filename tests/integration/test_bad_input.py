"""What goes wrong around the story, each with its own clear words: servers that are not there, tokens that do not count, files, ports,
frames and people that are not as they should be; and that no secret leaves by any door."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from device import Device
from estate.scenarios.leaky_logs import SECRETS
from gateway_client import Client, Closed, Refused, Socket
from story_support import ORDER, QUESTION, SURFACES, SlackPlace, TelegramPlace, TELEGRAM_OPS, World, until

REFUSED_EXIT, USAGE_EXIT = 5, 2


@pytest.fixture(name="world")
def fixture_world(tmp_path: Path, binaries: Path, start_gateway: Any, estate: Any, start_double: Any) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(tmp_path, binaries, start_gateway, estate, start_double, **options))
        return made[-1]
    yield make
    for one in made:
        one.disconnect()


def clanker_definition(world: World, **changes: Any) -> dict[str, Any]:
    return {**world.settings["mcp"]["servers"]["clanker"], **changes}


def begin(openclaw: Path, folder: Path, *arguments: str, config: str | None = None) -> subprocess.CompletedProcess[str]:
    """Starts a Gateway that is expected to end by itself."""
    state = folder / "state"
    state.mkdir(exist_ok=True, mode=0o700)
    if config is not None:
        (state / "openclaw.json").write_text(config)
    return subprocess.run([str(openclaw), "gateway", *arguments], env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "OPENCLAW_STATE_DIR": str(state)},
                          capture_output=True, text=True, timeout=30)


# --- MCP servers

def test_an_unreachable_server_holds_up_nothing(world: Any, free_port: Any) -> None:
    here = world(start=False)
    here.settings["mcp"]["servers"]["ghost"] = {"url": f"http://127.0.0.1:{free_port()}/mcp", "transport": "streamable-http"}
    here.start()
    ada = SURFACES["webchat"](here)
    ada.ask(QUESTION)
    assert "unhealthy" in ada.answer("Production is")
    ghost = next(s for s in here.call("status")["mcpServers"] if s["name"] == "ghost")
    assert ghost["health"] in ("failed", "backing-off") and ghost["lastError"], ghost
    assert "ghost" in here.openclaw("status").stdout
    doctor = here.openclaw("doctor", code=None)
    assert "ghost" in doctor.stdout, doctor.stdout


def test_clanker_is_missing(world: Any) -> None:
    here = world(start=False)
    here.settings["mcp"]["servers"]["clanker"] = clanker_definition(here, command="/nonexistent/clanker")
    here.gateway = here.start_gateway(config=here.settings)
    ada = SURFACES["slack"](here)
    ada.ask(QUESTION)
    told = ada.answer("cannot look at your infrastructure")
    assert "not reachable just now: clanker" in told
    server, = here.call("status")["mcpServers"]
    assert server["health"] in ("failed", "backing-off") and "/nonexistent/clanker" in server["lastError"], server


def test_a_forbidden_tool_is_not_there(world: Any) -> None:
    """The operator's filter leaves the apply out: a plan stays a plan, and nobody is asked to approve anything."""
    here = world(start=False)
    here.settings["mcp"]["servers"]["clanker"] = clanker_definition(here, toolFilter={"exclude": ["clanker_apply"]})
    here.start()
    ada = SURFACES["telegram"](here)
    ada.ask(ORDER)
    assert "No tool at hand can apply a plan" in ada.answer("Roll back deployment shop/checkout")
    assert not here.pending() and not here.effects()


# --- providers

def test_a_github_that_hangs_costs_its_part_of_the_answer_only(world: Any) -> None:
    here = world()
    here.shop.fault("hang", service="github")
    ada = SURFACES["slack"](here)
    begun = time.monotonic()
    ada.ask(QUESTION)
    told = ada.answer("Production is")
    assert time.monotonic() - begun < 16  # ten seconds for a provider
    assert "unhealthy" in told and "PAYMENT_URL" in told and "github: timed out" in told.split("What could not be read")[1].lower(), told


def test_an_expired_github_token_is_said(world: Any) -> None:
    here = world(environment={"GITHUB_TOKEN": "ghp_expiredexpiredexpired"})
    ada = SURFACES["webchat"](here)
    ada.ask(QUESTION)
    told = ada.answer("Production is")
    assert "unhealthy" in told and "401" in told.split("What could not be read")[1] and "ghp_expired" not in told


def test_a_viewer_may_look_and_not_change(world: Any) -> None:
    here = world(start=False)
    definition = clanker_definition(here)
    definition["env"] = {**definition["env"], "KUBECONFIG": here.shop.kubeconfigs["kubeconfig-viewer"]}
    here.settings["mcp"]["servers"]["clanker"] = definition
    here.start()
    ada = SURFACES["telegram"](here)
    ada.ask(QUESTION)
    assert "unhealthy" in ada.answer("Production is")
    said = len(ada.said())
    ada.ask(ORDER)
    until(lambda: here.pending() or len(ada.said()) > said, "a request, or a refusal")
    if here.pending():
        SlackPlace(here, "C0OPS").press("bo")
    told = until(lambda: next((t for t in ada.said()[said:] if "Approv" not in t), ""), "what came of it")
    assert "403" in told or "forbidden" in told.lower() or "may not" in told, told
    assert not [entry for entry in here.effects() if entry["status"] < 400]


# --- files, ports, addresses

@pytest.mark.parametrize(("text", "where"), [
    ('{\n  "gateway": {\n    "port": "many"\n  }\n}', ("line 3", "gateway.port")),
    ('{\n  "gateway": {\n    "auth": { "mode": "maybe" }\n  }\n}', ("line 3", "gateway.auth.mode")),
    ('{\n  // JSON5 is fine\n  channels: {\n    telegram: { botToken: 7 }\n  }\n}', ("line 4", "channels.telegram.botToken")),
    ('{\n  channels: {\n    telegram: {\n      botToken: "1:abc",\n      dmPolicy: "nobody"\n    }\n  }\n}', ("line 5", "dmPolicy")),
    ('{\n  "gateway": {\n', ("line 3",)), ("[]", ("must hold one object",))])
def test_a_broken_configuration_names_key_and_line(openclaw: Path, tmp_path: Path, text: str, where: tuple[str, ...]) -> None:
    ended = begin(openclaw, tmp_path, config=text)
    assert ended.returncode == USAGE_EXIT, ended
    assert all(part in ended.stderr for part in ("openclaw.json", *where)), ended.stderr


def test_a_port_in_use(openclaw: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = begin(openclaw, tmp_path, "--port", str(port))
        assert ended.returncode == 1 and str(port) in ended.stderr and "in use" in ended.stderr.lower(), ended


@pytest.mark.parametrize("bind", ["lan", "custom"])
def test_beyond_loopback_only_with_authentication(openclaw: Path, tmp_path: Path, bind: str) -> None:
    config = {"gateway": {"bind": bind, "customBindHost": "0.0.0.0", "auth": {"mode": "none"}}}
    ended = begin(openclaw, tmp_path, config=json.dumps(config))
    assert ended.returncode == REFUSED_EXIT and "without authentication" in ended.stderr, ended


# --- the protocol

def test_a_wrong_token(gateway: Any) -> None:
    with pytest.raises(Refused) as refused:
        Client(gateway.port, "wrong")
    assert refused.value.what["details"]["code"] == "AUTH_TOKEN_MISMATCH"
    with pytest.raises(Refused) as refused:
        Client(gateway.port, gateway.token, scopes=["operator.read", "operator.everything"])
    assert "operator.everything" in refused.value.what["message"]


def test_foreign_origins_and_hosts(gateway: Any) -> None:
    with pytest.raises(Refused) as refused:
        Client(gateway.port, gateway.token, origin="https://evil.example")
    assert refused.value.what["details"]["code"] == "CONTROL_UI_ORIGIN_NOT_ALLOWED"
    Client(gateway.port, gateway.token, origin=gateway.http).close()
    for host in ("evil.example", f"evil.example:{gateway.port}", "127.0.0.1.evil.example"):
        assert gateway.get("/", {"Host": host})[0] == 403  # DNS rebinding
        with pytest.raises(Refused) as refused:
            Socket(gateway.port, host=host)
        assert refused.value.what == 403


def test_oversized_and_malformed_frames(gateway: Any) -> None:
    stranger = Socket(gateway.port)
    stranger.receive()
    stranger.raw(1, b"x", announce=1 << 40)  # only announced: nothing is allocated for it
    with pytest.raises(Closed) as closed:
        stranger.receive()
    assert closed.value.code == 1009
    stranger = Socket(gateway.port)
    stranger.receive()
    stranger.send(json.dumps({"type": "req", "id": "1", "method": "connect", "params": {"pad": "x" * (100 << 10)}}))
    with pytest.raises(Closed) as closed:
        stranger.receive()
    assert closed.value.code == 1009
    friend = Client(gateway.port, gateway.token)
    friend.socket.raw(1, b"x", announce=64 << 20)
    with pytest.raises(Closed) as closed:
        friend.socket.receive()
    assert closed.value.code == 1009
    friend = Client(gateway.port, gateway.token)
    for bad in ("not json", "[]", '{"type":"req","id":"q","method":"no.such"}', '{"type":"req","id":"q","method":"chat.send","params":{"message":7}}'):
        friend.socket.send(bad)
    with pytest.raises(Refused):
        friend.call("chat.send", sessionKey="agent:main:main", message="x" * (65 << 10), idempotencyKey="k")
    assert friend.call("health")["ok"]
    assert gateway.process.poll() is None


@pytest.mark.parametrize(("frame", "code"), [
    (b"\x81\x05hello", 1002), (b"\xc1\x80\0\0\0\0", 1002), (b"\x83\x80\0\0\0\0", 1002), (b"\x09\x80\0\0\0\0", 1002), (b"\x89\xfe\0\x80\0\0\0\0" + b"x" * 128, 1002),
    (b"\x81\x82\0\0\0\0\xc3\x28", 1007), (b"\x80\x80\0\0\0\0", 1002), (b"\x88\x81\0\0\0\0x", 1002)],
    ids=["not masked", "a reserved bit", "a reserved opcode", "a ping in pieces", "a long ping", "text that is not UTF-8", "a continuation of nothing", "a close of one byte"])
def test_frames_that_are_no_websocket_frames(gateway: Any, frame: bytes, code: int) -> None:
    for connect in (lambda: Socket(gateway.port), lambda: Client(gateway.port, gateway.token).socket):
        peer = connect()
        peer.connection.sendall(frame)
        with pytest.raises(Closed) as closed:
            while True:
                peer.receive()
        assert closed.value.code == code, closed.value
    assert gateway.get("/healthz")[0] == 200


def test_a_replayed_or_wrong_device_signature(gateway: Any) -> None:
    laptop, read = Device(), ["operator.read"]
    spent = laptop.proof(Client(gateway.port, gateway.token).challenge["nonce"], gateway.token, read)

    def told(make: Callable[[str], dict[str, Any]]) -> tuple[str, str]:
        with pytest.raises(Refused) as refused:
            Client(gateway.port, gateway.token, mode="cli", scopes=read, sign=lambda c: {"device": make(c["nonce"])})
        return refused.value.what["details"]["code"], refused.value.what["message"]
    good = lambda nonce: laptop.proof(nonce, gateway.token, read)  # noqa: E731
    assert told(lambda _: spent) == ("DEVICE_AUTH_NONCE_MISMATCH", "device nonce mismatch")
    assert told(lambda nonce: {**spent, "nonce": nonce})[0] == "DEVICE_AUTH_SIGNATURE_INVALID"
    assert told(lambda nonce: laptop.proof(nonce, gateway.token, read, signed_at=0))[0] == "DEVICE_AUTH_SIGNATURE_EXPIRED"
    assert told(lambda nonce: laptop.proof(nonce, gateway.token, read, signed_at=(1 << 63) - 1))[0] == "DEVICE_AUTH_SIGNATURE_EXPIRED"
    assert told(lambda nonce: laptop.proof(nonce, gateway.token, ["operator.admin"]))[0] == "DEVICE_AUTH_SIGNATURE_INVALID"
    assert told(lambda nonce: {**good(nonce), "id": Device().id})[0] == "DEVICE_AUTH_DEVICE_ID_MISMATCH"
    assert told(lambda nonce: {**good(nonce), "publicKey": "x"})[0] == "DEVICE_AUTH_PUBLIC_KEY_INVALID"
    assert laptop.connect(gateway.port, gateway.token, read).hello["auth"]["scopes"] == read


def test_an_unknown_scope_is_named_with_those_that_there_are(gateway: Any) -> None:
    with pytest.raises(Refused) as refused:
        Client(gateway.port, gateway.token, scopes=["operator.raed"])
    assert "operator.raed" in refused.value.what["message"] and "operator.read" in refused.value.what["message"], refused.value.what


# --- time

SILENT = "import sys, time\nfor line in sys.stdin: pass\n"
FORGETFUL = '''
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m or m["method"] not in ("initialize", "tools/list"): continue
    r = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "f", "version": "1"}} if m["method"] == "initialize" else {"tools": []}
    if m["method"] == "tools/list": continue
    print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": r}), flush=True)
'''


def test_a_timeout_says_whose_it_was(start_gateway: Any, openclaw: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and never says a word
        port = deaf.getsockname()[1]
        servers = {name: {"command": sys.executable, "args": ["-c", program], "connectionTimeoutMs": 800, "requestTimeoutMs": 800}
                   for name, program in (("silent", SILENT), ("forgetful", FORGETFUL))}
        servers["deaf"] = {"url": f"http://127.0.0.1:{port}/mcp", "transport": "streamable-http", "connectionTimeoutMs": 800, "requestTimeoutMs": 800}
        gateway = start_gateway({"mcp": {"servers": servers}})
        client = Client(gateway.port, gateway.token)
        found = until(lambda: (lambda all_of: all_of if all(s["lastError"] for s in all_of) else None)(client.call("status")["mcpServers"]), "each has timed out", 30)
        for server in found:
            assert "timeout" in server["lastError"] or "timed out" in server["lastError"], server
            assert server["name"] in server["lastError"] and server["health"] in ("failed", "backing-off"), server
        ended = subprocess.run([str(openclaw), "status", "--url", f"ws://127.0.0.1:{port}", "--token", "x", "--timeout", "900"], env=gateway.environment, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 1 and "could not be reached in time" in ended.stderr and str(port) in ended.stderr, ended


# --- people

def test_a_stranger_pairs_first(world: Any) -> None:
    here = world(start=False)
    for channel in ("slack", "telegram"):
        here.settings["channels"][channel]["allowFrom"] = []
    here.start()
    here.telegram.control("message", text=QUESTION, **{"from": {"id": 555, "first_name": "Mallory"}})
    here.slack.control("post", channel="D0NEW", user="U0NEW", text=QUESTION)
    for channel, double, chat in (("telegram", here.telegram, {"chat_id": "555"}), ("slack", here.slack, {"channel": "D0NEW"})):
        offered = double.until("messages", lambda sent: len(sent) == 1, seconds=30, sent="1", **chat)[0]["text"]
        code = offered.split(f"openclaw pairing approve {channel} ")[1][:8]
        assert not set(code) - set("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), offered
        assert here.openclaw("pairing", "approve", channel, "AAAAAAAA", code=None).returncode != 0
        assert code in here.openclaw("pairing", "list").stdout
        assert here.openclaw("pairing", "approve", channel, code).stdout.startswith(f"Approved {channel} sender")
        assert here.openclaw("pairing", "approve", channel, code, code=None).returncode != 0  # good for one
    here.telegram.control("message", text=QUESTION, **{"from": {"id": 555, "first_name": "Mallory"}})
    here.slack.control("post", channel="D0NEW", user="U0NEW", text=QUESTION)
    for double, chat in ((here.telegram, {"chat_id": "555"}), (here.slack, {"channel": "D0NEW"})):
        sent = double.until("messages", lambda messages: len(messages) == 2, seconds=60, sent="1", **chat)
        assert "Production is unhealthy" in sent[1]["text"]


def test_strangers_in_groups_are_not_heard(world: Any) -> None:
    here = world()
    here.telegram.control("message", chat_id=-1001, text="@pincer_bot " + ORDER, thread=42, **{"from": {"id": 666}})
    here.telegram.control("message", chat_id=-3003, text="@pincer_bot " + ORDER, **{"from": {"id": 99}})  # a group that nobody named
    here.slack.control("post", channel="C0DEV", user="U0OUT", text="<@U0BOT> " + ORDER)
    here.slack.control("post", channel="C0DEV", user="U0BOSS", text="<@U0BOT> " + ORDER, user_team="T0OTHER")  # the same user id of another team
    ada = SURFACES["telegram"](here)
    ada.ask(QUESTION)
    ada.answer("Production is")
    here.telegram.until("pending", lambda updates: not updates, seconds=30)
    here.slack.until("state", lambda state: state["unacked"] == 0, seconds=30)
    assert not here.pending() and here.call("sessions.list", limit=10)["totalCount"] == 1
    assert len(here.telegram.control("messages", sent="1")) == 1 and not here.slack.control("messages", sent="1")


# --- secrets

class Watcher:
    """Reads the argument lists of the Gateway and of everything below it, as long as it lives."""

    def __init__(self, world: World) -> None:
        self.seen: set[str] = set()
        self.done = threading.Event()
        self.names = {"openclaw", "clanker"}
        self.thread = threading.Thread(target=self.watch, args=(str(world.binaries),), daemon=True)
        self.thread.start()

    def watch(self, folder: str) -> None:
        while not self.done.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if folder in text:
                    self.seen.add(text)

    def end(self) -> str:
        self.done.set()
        self.thread.join()
        return "\n".join(sorted(self.seen))


def test_no_secret_leaves(world: Any) -> None:
    here = world(scenario="leaky-logs")
    watcher = Watcher(here)
    ada = SURFACES["slack"](here)
    ada.ask(QUESTION)
    assert "PAYMENT_URL" in ada.answer("Production is")
    ada.ask("show me the logs of checkout")
    until(lambda: len(ada.said()) >= 2, "the logs")
    said = len(ada.said())
    ada.ask(ORDER)
    request = here.one_pending()["id"]
    here.hurry()
    TelegramPlace(here, TELEGRAM_OPS).press("bo")
    ada.answer("It has recovered", after=said)
    here.openclaw("approvals", "get", request, "--json", code=None)
    shown = here.openclaw("mcp", "show", "clanker", "--json").stdout + json.dumps(here.call("config.get"))
    arguments = watcher.end()
    assert "gateway --port" in arguments and "clanker mcp --transport stdio" in arguments
    here.disconnect()
    here.gateway.stop()
    kube = json.loads(Path(here.shop.kubeconfig).read_text())["users"][0]["user"]["token"]
    ours = {"Slack bot token": here.slack.ready["bot_token"], "Slack app token": here.slack.ready["app_token"], "Telegram bot token": here.telegram.ready["token"],
            "GitHub token": here.shop.github_token, "Kubernetes token": kube, "Gateway token": here.gateway.token}
    logged = {f"secret {n} of a pod's log": secret for n, secret in enumerate(SECRETS)}
    left = {"argument lists": arguments, "config.get and mcp show": shown, "the Gateway's log": here.gateway.log()}
    for name, double in (("Slack", here.slack), ("Telegram", here.telegram)):
        # The bodies: the tokens themselves travel where they belong, in the path and in a header.
        left[f"what {name} was sent"] = json.dumps([c["parameters"] for c in double.control("calls")])
    for folder in (here.gateway.state, here.clanker_home):
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in ("openclaw.json",):
                left[str(file.relative_to(folder.parent))] = file.read_bytes().decode("latin-1")
    found = [f"{name} in {where}" for name, secret in {**ours, **logged}.items() for where, text in left.items() if secret in text]
    assert not found, "\n".join(found)
