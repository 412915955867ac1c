"""A person at the Gateway's page, in a real Chromium (clients/web_page.mjs)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest


class Page:
    """A Chromium with a profile of its own, spoken to by lines of JSON."""

    def __init__(self, node: str, node_tools: Path, profile: Path, chromium: str) -> None:
        script = Path(__file__).parent / "clients/web_page.mjs"
        self.process = subprocess.Popen([node, str(script), str(node_tools / "node_modules"), str(profile), chromium], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, op: str, **wish: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"op": op, **wish}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        assert answer["problems"] == [], "the page's own scripts fail"
        return answer

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@pytest.fixture(name="browse")
def fixture_browse(node: str, node_tools: Path, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """browse("profile"): a browser; the same profile is the same browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium or not (node_tools / "node_modules/playwright-core").exists():
        pytest.skip("chromium or playwright-core is not installed")
    started: list[Page] = []

    def browse(profile: str = "profile") -> Page:
        started.append(Page(node, node_tools, tmp_path / profile, str(chromium)))
        return started[-1]
    yield browse
    for page in started:
        page.stop()
