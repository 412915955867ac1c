"""The Gateway's page in a real browser: the shared token opens it once, a device key of the browser's own takes over, and the token is gone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest


def test_its_scripts_are_of_the_right_types(node: str, node_tools: Path) -> None:
    """esbuild drops the types without a look: a name that nothing defines would show only in the browser."""
    compiler = node_tools / "node_modules/typescript/bin/tsc"
    if not compiler.exists():
        pytest.skip("typescript is not installed (tools/node_tools)")
    done = subprocess.run([node, str(compiler), "--project", str(Path(__file__).resolve().parents[2] / "web")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


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
