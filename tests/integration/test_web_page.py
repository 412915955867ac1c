"""The Gateway's page in a real browser: the shared token opens it once, a device key of the browser's own takes over, and the token is gone."""

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


def holds(seen: dict[str, Any], secret: str) -> bool:
    """Whether the secret is anywhere that the page keeps or shows."""
    return any(secret in text for text in (seen["address"], seen["stored"], seen["html"], json.dumps(seen["kept"])))


def test_the_token_opens_the_page_once_and_is_forgotten(gateway: Any, browse: Any) -> None:
    page = browse()
    seen = page("open", url=f"{gateway.http}/#token={gateway.token}")
    assert seen["link"] == "connected" and not seen["dialog"] and seen["weakness"] == ""
    assert seen["address"] == gateway.http + "/" and not holds(seen, gateway.token)
    [first] = seen["sent"]
    assert first["auth"] == {"token": gateway.token} and len(first["device"]["id"]) == 64
    kept = seen["kept"]
    assert kept["id"] == first["device"]["id"] and kept["algorithm"] == "Ed25519" and kept["token"] not in ("", gateway.token)
    assert kept["extractable"] is False and kept["exported"] == "InvalidAccessError"
    assert page("ask", text="hello")["said"][0] == "hello"

    # From now on it is the device that comes, also in another tab and in another life of the browser and the Gateway.
    again = page("reload")
    assert [(c["auth"], c["device"]["id"]) for c in again["sent"]] == [({"deviceToken": kept["token"]}, kept["id"])]
    assert again["link"] == "connected"
    page.stop()
    gateway.restart()
    later = browse()("open", url=gateway.http + "/")
    assert later["link"] == "connected" and later["kept"] == kept and gateway.token not in json.dumps(later["sent"])


def test_without_a_token_the_page_asks_and_a_wrong_one_is_named(gateway: Any, browse: Any) -> None:
    page = browse()
    seen = page("open", url=gateway.http + "/")
    assert seen["dialog"] and seen["problem"] == "" and seen["kept"] is None
    seen = page("login", token="not-the-token")
    assert seen["dialog"] and "token mismatch" in seen["problem"] and seen["kept"] is None
    seen = page("login", token=gateway.token)
    assert seen["link"] == "connected" and not holds(seen, gateway.token) and seen["kept"]["token"]


def test_a_device_that_counts_no_longer_asks_for_the_token_again(gateway: Any, browse: Any) -> None:
    page = browse()
    before = page("open", url=f"{gateway.http}/#token={gateway.token}")["kept"]
    gateway.stop()
    for database in (gateway.state / "state").glob("openclaw.sqlite*"):
        database.unlink()  # another Gateway at the same address
    gateway.start()
    seen = page("reload")
    assert seen["dialog"] and "device" in seen["problem"] and seen["kept"] is None
    seen = page("login", token=gateway.token)
    assert seen["link"] == "connected" and seen["kept"]["id"] != before["id"]


@pytest.mark.parametrize(("broken", "says"), [("ed25519", "no Ed25519 keys"), ("subtle", "not opened over HTTPS"), ("storage", "keep nothing")])
def test_a_browser_that_cannot_keep_a_key_says_so_and_keeps_the_token_in_memory(gateway: Any, browse: Any, broken: str, says: str) -> None:
    page = browse()
    seen = page("open", url=f"{gateway.http}/#token={gateway.token}", **{"break": broken})
    assert seen["link"] == "connected" and says in seen["weakness"]
    assert not holds(seen, gateway.token) and "device" not in seen["sent"][0]
    seen = page("reload")
    assert seen["dialog"] and not holds(seen, gateway.token), "it went with the page"
