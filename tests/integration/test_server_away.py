"""The Gateway comes back from a restart and the server that would carry out a change does not: what waits for a person goes on waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from story_support import ORDER, QUESTION, SLACK_OPS, SlackPlace, WebchatSurface, World, until


@pytest.fixture(name="world")
def fixture_world(tmp_path: Path, binaries: Path, start_gateway: Any, estate: Any, start_double: Any) -> Iterator[World]:
    """The world of the story; clanker is started by a link that a test takes away."""
    world = World(tmp_path, binaries, start_gateway, estate, start_double, start=False)
    world.settings["mcp"]["servers"]["clanker"]["command"] = str(link(world))
    link(world).symlink_to(binaries / "clanker")
    world.start()
    yield world
    world.disconnect()


def link(world: World) -> Path:
    return world.folder / "clanker-server"


def server(world: World) -> dict[str, Any]:
    found, = world.call("status")["mcpServers"]
    return dict(found)


def test_an_approval_outlives_the_server_that_it_is_for(world: World, binaries: Path) -> None:
    world.hurry()
    ada = WebchatSurface(world)
    ada.ask(QUESTION)
    ada.answer("unhealthy")
    ada.ask(ORDER)
    request = world.one_pending()["id"]
    world.gateway.kill9()
    world.disconnect()
    link(world).unlink()
    world.gateway.start()
    until(lambda: server(world)["health"] in ("failed", "backing-off"), "the Gateway's word that clanker cannot be started")
    assert world.one_pending()["id"] == request, "it waits as before, and for the same"
    assert SlackPlace(world, SLACK_OPS).press("bo").startswith("Approved by")
    tried = until(lambda: world.gateway.log().count("registry.server_starting") if not world.effects() else 0, "an attempt")
    until(lambda: world.gateway.log().count("registry.server_starting") > tried, "another attempt after the approval")
    assert not world.effects() and "could not be applied" not in "".join(ada.said())
    link(world).symlink_to(binaries / "clanker")
    ada.answer("recovered", after=1)
    world.assert_applied_once()
    assert world.openclaw("audit", "verify", *map(str, world.chains())).returncode == 0


def test_a_server_that_is_no_longer_configured_is_named_and_nothing_was_changed(world: World) -> None:
    ada = WebchatSurface(world)
    ada.ask(QUESTION)
    ada.answer("unhealthy")
    ada.ask(ORDER)
    request = world.one_pending()["id"]
    world.gateway.stop()
    world.disconnect()
    world.gateway.configure({**world.settings, "mcp": {"servers": {}}})
    world.gateway.start()
    assert world.one_pending()["id"] == request
    assert SlackPlace(world, SLACK_OPS).press("bo").startswith("Approved by")
    told = ada.answer("could not be applied", after=1)
    assert "clanker__clanker_apply" in told and "nothing was changed" in told
    assert not world.effects()
