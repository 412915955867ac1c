"""TAB in real shells: each program completes its own commands, asked as the script that it printed says."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

WAIT = 30.0
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


class Terminal:
    """A shell at a terminal: what is typed goes in, what it shows comes out."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder, start_new_session=True)
        os.close(slave)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + WAIT
        while text not in self.shown:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"{text!r} never came:\n{self.shown}"
            data = os.read(self.master, 65536)
            self.shown += data.decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture(params=list(SHELLS))
def shell(request: pytest.FixtureRequest, binaries: Path, tmp_path: Path) -> Iterator[tuple[str, Terminal]]:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"}
    terminal = Terminal(SHELLS[request.param], environment, tmp_path)
    yield request.param, terminal
    terminal.close()


@pytest.mark.parametrize(("program", "typed", "expected"), [
    ("openclaw", "openclaw approvals de\t --help\n", "Usage: openclaw approvals deny <id> [options]"),
    ("openclaw", "openclaw gateway --verb\t --help\n", "Usage: openclaw gateway [<command>]"),
    ("clanker", "clanker tru\t add --ceil\tmedi\t --help\n", "Usage: clanker trust add"),
    ("clanker", "clanker mcp --transport=streamable\t --help\n", "Usage: clanker mcp [options]"),
    ("mctl", "mctl vers\t\n", "mctl 0."),
])
def test_tab_completes(shell: tuple[str, Terminal], program: str, typed: str, expected: str) -> None:
    name, terminal = shell
    terminal.type(f"source <({program} completion {name}); echo rea''dy\n")
    terminal.wait_for("ready")
    terminal.type(typed)
    terminal.wait_for(expected)


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_offers_them_with_their_sentences(binaries: Path, tmp_path: Path) -> None:
    def offered(line: str) -> list[str]:
        words = f'openclaw completion fish | source; complete -C "{line}"'
        environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        told = subprocess.run(["fish", "--no-config", "-c", words], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT)
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()
    (tmp_path / "token.txt").touch()
    assert offered("openclaw approvals de") == ["deny\trefuse one"]
    assert {line.split("\t")[0] for line in offered("openclaw ")} >= {"approvals", "audit", "gateway", "completion"}
    assert sorted(offered("openclaw mcp serve --claude-channel-mode=o")) == ["--claude-channel-mode=off", "--claude-channel-mode=on"]
    assert offered("openclaw status --token-file to") == ["token.txt"]


@pytest.mark.parametrize("program", ["openclaw", "clanker", "mctl"])
def test_an_unknown_shell_is_a_mistake(binaries: Path, program: str) -> None:
    for arguments in (["completion"], ["completion", "tcsh"]):
        told = subprocess.run([str(binaries / program), *arguments], capture_output=True, text=True, timeout=WAIT)
        assert (told.returncode, told.stdout) == (2, "") and "bash, zsh, fish" in told.stderr
    helped = subprocess.run([str(binaries / program), "completion", "--help"], capture_output=True, text=True, timeout=WAIT)
    assert helped.returncode == 0 and "~/.bashrc" in helped.stdout
