"""Real processes for whole stories: the Gateway, the estate, the platforms' doubles. Everything is started on a free
port of the loopback, below the test's own folder, and ended by its process id.

PINCER_BIN         the folder with openclaw and clanker (default: build/dev/bin)
PINCER_NODE_TOOLS  where tools/node_tools has installed the clients of others (default: build/node-tools)
"""

from __future__ import annotations

import collections
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser import fixture_browse  # noqa: E402,F401  (a fixture)
from estate.harness import estate  # noqa: E402,F401  (a fixture is used by its name)

_spec = importlib.util.spec_from_file_location("doubles_fixtures", ROOT / "tests/doubles/conftest.py")
assert _spec and _spec.loader
_doubles = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_doubles)
programs, start_double, start_node = _doubles.programs, _doubles.start_double, _doubles.start_node  # start_double("slack_double.py")

KILLS = pytest.StashKey[collections.Counter[str]]()
START_SECONDS = 30.0
STOP_SECONDS = 15.0


def choose_port() -> int:
    """A port of the loopback that was free just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Gateway:
    """A running `openclaw gateway`: url, http, port, token, state (its folder), config (its file), pid, log()."""

    def __init__(self, program: Path, folder: Path, config: dict[str, Any] | None = None, environment: dict[str, str] | None = None,
                 port: int | None = None) -> None:
        self.program, self.folder, self.port = program, folder, port or choose_port()
        self.state = folder / "state"
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state.chmod(0o700)
        self.config = self.state / "openclaw.json"
        self.token = "integration-token-0123456789abcdef"
        self.url, self.http = f"ws://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port}"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPENCLAW_STATE_DIR": str(self.state), **(environment or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR", "LANG"):
            if name in os.environ:
                self.environment.setdefault(name, os.environ[name])
        self.process: subprocess.Popen[bytes] | None = None
        self.configure(config or {})
        self.start()

    def configure(self, config: dict[str, Any]) -> None:
        """Writes openclaw.json; it counts from the next start (or, for mcp.servers, a SIGHUP)."""
        gateway = {"auth": {"mode": "token", "token": self.token}, **config.get("gateway", {})}
        self.config.write_text(json.dumps({**config, "gateway": gateway}, indent=1))
        self.config.chmod(0o600)

    def start(self) -> None:
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen([str(self.program), "gateway", "--port", str(self.port)], env=self.environment, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_ready()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def log(self) -> str:
        """Everything that it has said so far, in all its lives."""
        return (self.folder / "gateway.log").read_text(errors="replace")

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """One HTTP request; an error status is an answer."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.http + path, headers=headers or {}), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()

    def wait_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            assert self.process and self.process.poll() is None, f"the Gateway ended with {self.process and self.process.poll()}:\n{self.log()[-4000:]}"
            try:
                status, body = self.get("/readyz")
                if status == 200 and json.loads(body)["ready"]:
                    return
            except (OSError, ValueError):
                pass  # not listening yet
            assert time.monotonic() < end, f"the Gateway is not ready:\n{self.log()[-4000:]}"
            time.sleep(0.02)  # asking again: the condition above decides

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def kill9(self) -> None:
        """Ends it at once; start() begins its next life on the same state."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """SIGHUP: reads mcp.servers again."""
        assert self.process
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture(scope="session")
def kill_tally(request: pytest.FixtureRequest) -> collections.Counter[str]:
    """What the kills of this run came to; told at its end."""
    return request.config.stash.setdefault(KILLS, collections.Counter())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if tally := config.stash.get(KILLS, None):
        terminalreporter.write_line(
            f"story kills: {tally['stories']} stories, {tally['kills']} kills, {tally['restarts']} restarts, {tally['lost']} lost, {tally['doubled']} doubled, "
            f"{tally['twice']} applied twice, {tally['marked']} repeated with a mark (Telegram), {tally['stories'] - tally['whole']} failed")


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder with our programs."""
    return Path(os.environ.get("PINCER_BIN") or ROOT / "build/dev/bin").resolve()


def _program(binaries: Path, name: str) -> Path:
    path = binaries / name
    assert path.exists(), f"{path} is not built (cmake --build --preset dev --target {name})"
    return path


@pytest.fixture(scope="session")
def openclaw(binaries: Path) -> Path:
    return _program(binaries, "openclaw")


@pytest.fixture(scope="session")
def clanker(binaries: Path) -> Path:
    return _program(binaries, "clanker")


@pytest.fixture(scope="session")
def node_tools() -> Path:
    """The folder whose node_modules holds the clients of others; skips when they cannot be had."""
    folder = Path(os.environ.get("PINCER_NODE_TOOLS") or ROOT / "build/node-tools").resolve()
    if not (folder / "node_modules/@openclaw/gateway-client/package.json").exists():
        if not shutil.which("npm"):
            pytest.skip("npm is not installed: the clients of others cannot be had")
        done = subprocess.run([str(ROOT / "tools/node_tools")], env={**os.environ, "PINCER_NODE_TOOLS": str(folder)}, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"tools/node_tools failed: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture(scope="session")
def node(node_tools: Path) -> str:
    """Node 24 from npm when it is there, else the machine's."""
    own = node_tools / "node_modules/node/bin/node"
    return str(own) if own.exists() else shutil.which("node") or pytest.skip("node is not installed")


@pytest.fixture
def free_port() -> Callable[[], int]:
    """free_port() -> a port that was free just now."""
    return choose_port


@pytest.fixture
def start_gateway(openclaw: Path, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """A factory: start_gateway(config={...}, environment={...}, port=...). All are stopped at the end of the test."""
    started: list[Gateway] = []

    def start(config: dict[str, Any] | None = None, environment: dict[str, str] | None = None, port: int | None = None,
              folder: Path | None = None) -> Gateway:
        made = Gateway(openclaw, folder or tmp_path / f"gateway-{len(started)}", config, environment, port)
        started.append(made)
        return made
    yield start
    for made in started:
        made.stop()


@pytest.fixture
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    """One Gateway with a token and nothing else configured."""
    return start_gateway()
