"""./run --real as somebody who has a cluster and a GitHub token, and nothing of ours yet."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from gateway_client import Client
from story_support import ORDER, QUESTION, until

ROOT = Path(__file__).resolve().parents[2]


class Run:
    """A running ./run: what it says, and its end."""

    def __init__(self, binaries: Path, environment: dict[str, str], *arguments: str) -> None:
        self.said = ""
        self.process = subprocess.Popen([str(ROOT / "run"), *arguments], env={**environment, "PINCER_BIN": str(binaries)}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line

    def ready(self) -> str:
        """What it said until it stood."""
        until(lambda: "Ctrl-C stops it." in self.said or self.process.poll() is not None, "./run is ready")
        assert self.process.poll() is None, self.said
        return self.said

    def stop(self) -> int:
        """Ctrl-C."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(30)
        self.reader.join(30)
        return code


@pytest.fixture
def start_run(binaries: Path) -> Iterator[Callable[..., Run]]:
    started: list[Run] = []

    def start(environment: dict[str, str], *arguments: str) -> Run:
        started.append(Run(binaries, environment, *arguments))
        return started[-1]
    yield start
    for one in started:
        one.stop()


@pytest.fixture
def home(tmp_path: Path, estate: Any) -> tuple[Any, dict[str, str]]:
    """An estate, and the environment of somebody whose own it is."""
    shop = estate("bad-deploy")
    (tmp_path / "home").mkdir()
    environment = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LANG") if name in os.environ}
    environment |= {"HOME": str(tmp_path / "home"), "KUBECONFIG": shop.kubeconfig, "GITHUB_TOKEN": shop.github_token, "GITHUB_API_URL": shop.github}
    return shop, environment


def said(client: Client, *words: str) -> str:
    """The newest thing in the conversation that has all of these words."""
    def look() -> str:
        texts = [m["content"][0]["text"] for m in client.call("chat.history", sessionKey="agent:main:main")["messages"] if m["role"] == "assistant"]
        return next((text for text in reversed(texts) if all(word in text for word in words)), "")
    return str(until(look, f"an answer with {words}"))


def test_the_first_start_writes_what_is_needed_and_the_story_works(start_run: Any, home: Any, free_port: Any) -> None:
    shop, environment = home
    port = free_port()
    run = start_run(environment, "--real", "--port", str(port))
    told = run.ready()
    config = Path(environment["HOME"]) / ".openclaw/openclaw.json"
    assert f"Wrote  {config}" in told and shop.kubeconfig in told and "GITHUB_TOKEN" in told
    assert shop.github_token not in told + config.read_text(), "the secret stays in the environment"
    assert oct(config.stat().st_mode & 0o777) == "0o600" and oct(config.parent.stat().st_mode & 0o777) == "0o700"
    address = re.search(r"Open +http://127\.0\.0\.1:(\d+)/#token=(\S+)", told)
    assert address and int(address[1]) == port
    client = Client(port, address[2])
    client.call("chat.send", sessionKey="agent:main:main", message=QUESTION, idempotencyKey="1")
    assert "60ddb6c" in said(client, "Production is unhealthy"), "GitHub was read too"
    client.call("chat.send", sessionKey="agent:main:main", message=ORDER, idempotencyKey="2")
    waiting = until(lambda: client.call("plugin.approval.list"), "the request")[0]
    facts: dict[str, str] = {}
    for fact in client.call("approval.describe", id=waiting["id"])["facts"]:
        facts[fact["name"]] = facts.get(fact["name"], "") + fact["text"]
    assert shop.kubernetes in facts["Where"] and "shop/checkout" in facts["Where"] and "resourceVersion" in facts["Only if"]
    assert {"Blast radius", "Undo", "Risk", "Asked by", "Expires", "Digest"} <= facts.keys()
    shop.tell("POST", "/clock/rate", {"rate": 30})
    client.call("plugin.approval.resolve", id=waiting["id"], decision="allow-once")
    assert "It has recovered" in said(client, "(v1.4.1): done")
    client.close()
    assert run.stop() == 0


def test_a_person_plays_the_story_on_the_page(start_run: Any, home: Any, free_port: Any, browse: Any) -> None:
    shop, environment = home
    told = start_run(environment, "--real", "--port", str(free_port())).ready()
    page = browse()
    page("open", url=re.search(r"Open +(\S+)", told)[1])  # type: ignore[index]
    answer = page("ask", text=QUESTION)["said"][-1]
    assert "Production is unhealthy" in answer and "60ddb6c" in answer
    page("say", text=ORDER)
    decided = page("approve")
    assert "Roll back deployment shop/checkout to revision 2" in decided["shown"] and "Blast radius" in decided["shown"]
    assert decided["after"] == "Nothing waits for you." and not decided["counted"] and decided["title"] == "OpenClaw Gateway"
    shop.tell("POST", "/clock/rate", {"rate": 30})
    assert "It has recovered" in page("until", text="It has recovered")["said"][-1]


def test_a_second_start_changes_nothing_and_says_what_is_missing(start_run: Any, home: Any, free_port: Any) -> None:
    _, environment = home
    first = start_run(environment, "--real", "--port", str(free_port()))
    first.ready()
    assert first.stop() == 0
    config = Path(environment["HOME"]) / ".openclaw/openclaw.json"
    before = config.read_bytes()
    again = start_run(environment, "--real", "--port", str(free_port()))
    told = again.ready()
    assert again.stop() == 0
    assert config.read_bytes() == before and "Wrote" not in told and "run:" not in told
    without = start_run({name: value for name, value in environment.items() if name != "GITHUB_TOKEN"}, "--real", "--port", str(free_port()))
    assert without.process.wait(30) == 1
    without.stop()
    assert re.search(re.escape(str(config)) + r", line \d+: mcp\.servers\.clanker\.env\.GITHUB_TOKEN: the environment variable GITHUB_TOKEN is not set", without.said)


def test_a_configuration_of_ones_own_is_left_alone(start_run: Any, home: Any, free_port: Any) -> None:
    _, environment = home
    config = Path(environment["HOME"]) / ".openclaw/openclaw.json"
    config.parent.mkdir(mode=0o700)
    config.write_text("{ // mine\n  gateway: { auth: { token: 'my-own-token-0123456789' } },\n}\n")
    run = start_run(environment, "--real", "--port", str(free_port()))
    told = run.ready()
    assert "/#token=my-own-token-0123456789" in told and "Wrote" not in told
    assert "clanker trust add gateway" in told and "openclaw mcp set clanker" in told, "what is missing is said, not done"
    assert "// mine" in config.read_text()
