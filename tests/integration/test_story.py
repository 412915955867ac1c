"""The story that must work, with real processes: a question, a grounded answer, a change that waits for a person, and the proof.

Asked in the web chat, in Telegram and in Slack; decided in every place where it is shown.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from gateway_client import Refused
from story_support import (CHANNELS, ORDER, QUESTION, SLACK_OPS, SURFACES, TELEGRAM_OPS, Place, SlackPlace, Surface, TelegramPlace, World, records, until)
from test_mcp_serve import Bridge

# Where Ada asks, and where it is decided. On the web page Ada is the owner of the Gateway, who is the same person on the command
# line and behind a bridge: there somebody else has to decide, in a messenger.
DECIDED = [("webchat", "telegram button"), ("webchat", "slack button"), ("webchat", "slack text"), ("telegram", "button here"), ("telegram", "slack button"),
           ("telegram", "command line"), ("telegram", "mcp"), ("slack", "button here"), ("slack", "telegram text"), ("slack", "web"), ("slack", "mcp")]


@pytest.fixture(name="world")
def fixture_world(tmp_path: Path, binaries: Path, start_gateway: Any, estate: Any, start_double: Any) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**config: Any) -> World:
        made.append(World(tmp_path, binaries, start_gateway, estate, start_double, **config))
        return made[-1]
    yield make
    for one in made:
        one.disconnect()


@pytest.fixture(name="bridge")
def fixture_bridge(openclaw: Path) -> Iterator[Callable[[World], Bridge]]:
    """An initialized `openclaw mcp serve` in front of the world's Gateway."""
    made: list[Bridge] = []

    def start(world: World) -> Bridge:
        token = world.folder / "bridge-token"
        token.write_text(world.gateway.token)
        made.append(Bridge(openclaw, world.gateway.environment, "--url", world.gateway.url, "--token-file", str(token)))
        made[-1].initialize()
        return made[-1]
    yield start
    for one in made:
        one.process.kill()
        one.process.wait()


def ops_places(world: World) -> dict[str, Place]:
    """The two fixed places where approvals show."""
    return {"slack": SlackPlace(world, SLACK_OPS), "telegram": TelegramPlace(world, TELEGRAM_OPS)}


def check_answer(text: str) -> None:
    """The verdict, the deploy, what broke and since when, each sentence with evidence and time; and what could not be read."""
    for fact in ("Production is unhealthy", "deployment shop/checkout", "v1.4.2", "v1.4.1", "60ddb6c", "Deploy #128", "crash looping since",
                 "panic: missing environment variable PAYMENT_URL", "cost: not connected"):
        assert fact in text, f"{fact} is missing in:\n{text}"
    sentences = [line for line in text.split("What could not be read")[0].splitlines()
                 if line and not line.lstrip().startswith("|") and line.strip("*_# ") not in ("", "What broke", "What changed")]
    assert len(sentences) >= 8
    for line in sentences:
        assert re.search(r"\[((k8s|gh):[0-9a-f]{6} )+· read \d\d:\d\d:\d\dZ\]$", line), f"no evidence and time: {line}"


def ask(ada: Surface) -> int:
    """The question and its answer. How much has been said by then."""
    ada.ask(QUESTION)
    check_answer(ada.answer("unhealthy"))
    return len(ada.said())


def decide(world: World, where: str, ada: Surface, served: Bridge, request: str) -> str:
    """Bo says yes; the name of the surface, as the outcome tells it."""
    places = {**ops_places(world), "here": ada.place()}
    if where.endswith("button") or where == "button here":
        place = places["here" if where == "button here" else where.split()[0]]
        assert place and place.press("bo").startswith("Approved by")
        return place.channel
    if where.endswith("text"):
        place = places[where.split()[0]]
        assert place
        place.write("bo", f"/approve {request} allow-once")
        until(lambda: any(m["text"].startswith("Approved by") for m in place.messages()), "an answer to /approve")
        return place.channel
    if where == "web":
        assert world.call("plugin.approval.resolve", id=request, decision="allow-once") == {"ok": True}
        return "web"
    if where == "command line":
        assert world.openclaw("approvals", "approve", request[:14]).stdout.startswith("Approved: plugin:")
        return "cli"
    answer = served.call("permissions_respond", kind="plugin", id=request, decision="allow-once")
    assert answer["structuredContent"] == {"result": {"ok": True}}, answer
    return "mcp"


def refuse_others(world: World, ada: Surface) -> None:
    """Eve is no approver, and Ada asked for it herself: both are told so, and it still waits."""
    for place in [*ops_places(world).values(), *([ada.place()] if ada.place() else [])]:
        assert place and "not among the approvers" in place.press("eve")
    assert "you asked for this, somebody else has to approve it" in ada.approve_self()
    assert len(world.pending()) == 1 and not world.effects()


def check_shown_everywhere(world: World, ada: Surface, served: Bridge) -> str:
    """The same request in every surface. Its id."""
    open_one = world.one_pending()
    request = str(open_one["id"])
    assert open_one["request"]["title"] == "Roll back deployment shop/checkout to revision 2 (v1.4.1)"
    listed = json.loads(world.openclaw("approvals", "list", "--json").stdout)["approvals"]
    assert [one["id"] for one in listed] == [request]
    approvals = until(lambda: served.call("permissions_list_open")["structuredContent"]["approvals"], "the request behind the bridge")
    assert [(one["kind"], one["id"]) for one in approvals] == [("plugin", request)]
    for place in [*ops_places(world).values(), *([ada.place()] if ada.place() else [])]:
        assert place
        text = place.card()["text"]
        for fact in ("revision 2 (v1.4.1)", "Blast radius:", "Only if:", "Undo:", "Risk:", "Asked by:", "Expires:", "Digest:", request):
            assert fact in text, f"{fact} is missing on the card in {place.channel}:\n{text}"
    return request


def check_late(world: World, ada: Surface, served: Bridge, request: str, late: dict[Place, str]) -> None:
    """Whoever comes late is told what was decided, once, and changes nothing."""
    for place, token in late.items():
        told = place.press("bo", late=token)
        assert "already" in told and "allow-once" in told or "Approved by" in told, told
    refused = world.openclaw("approvals", "deny", request, code=None)
    assert refused.returncode != 0 and "APPROVAL_ALREADY_RESOLVED" in refused.stderr, refused
    answer = served.call("permissions_respond", kind="plugin", id=request, decision="deny")
    assert answer["isError"] and answer["content"][0]["text"], answer
    with pytest.raises(Refused):
        world.call("plugin.approval.resolve", id=request, decision="deny")


@pytest.mark.parametrize(("channel", "where"), DECIDED, ids=[f"{c}-{w}".replace(" ", "-") for c, w in DECIDED])
def test_the_story(world: Any, bridge: Any, channel: str, where: str) -> None:
    here = world()
    ada = SURFACES[channel](here)
    served = bridge(here)
    said = ask(ada)
    assert not here.effects()

    ada.ask(ORDER)
    request = check_shown_everywhere(here, ada, served)
    refuse_others(here, ada)
    places = [*ops_places(here).values(), *([ada.place()] if ada.place() else [])]
    late = {place: place.token("Deny") for place in places if place}

    here.hurry()
    via = decide(here, where, ada, served, request)
    for place in late:
        place.outcome("Roll back deployment shop/checkout", "Approved by", f"via {via}")
    assert not here.pending()
    told = ada.answer("done", "It has recovered", after=said)
    assert "Health now: healthy" in told
    check_late(here, ada, served, request, late)
    here.assert_applied_once()
    assert sum("It has recovered" in text for text in ada.said()) == 1
    check_proof(here, channel, via)


def check_proof(world: World, channel: str, via: str) -> None:
    """Both chains are whole, and tell the story in its order."""
    world.disconnect()
    world.gateway.stop()
    verified = json.loads(world.openclaw("audit", "verify", "--json", *map(str, world.chains())).stdout)
    assert verified["intact"] and [c["dangling"] for c in verified["chains"]] == [[], []] and all(not c["findings"] for c in verified["chains"])
    gateway, clanker = (records(folder) for folder in world.chains())
    told = [r["kind"] for r in gateway if r["kind"] not in ("chain.created", "chain.opened")]
    assert told == ["question.asked", "tool.answered", "answer.given", "question.asked", "tool.answered", "approval.requested", "approval.decided",
                    "grant.issued", "tool.called", "tool.answered", "answer.given"]
    done = [r["kind"] for r in clanker if r["kind"] not in ("chain.created", "chain.opened")]
    assert done == ["question.asked", "plan.made", "grant.consumed", "step.applied", "apply.result"]
    of = {r["kind"]: r for r in gateway + clanker}
    asker = {"webchat": "operator:token", "telegram": "telegram:99", "slack": "slack:T0TEAM.U0ADA"}[channel]
    assert of["plan.made"]["actor"] == of["approval.requested"]["actor"] == asker != of["approval.decided"]["actor"]
    assert of["approval.decided"]["body"]["via"] == via and of["approval.decided"]["body"]["decision"] == "allow-once"
    assert of["grant.consumed"]["actor"] == of["approval.decided"]["actor"]
    assert of["approval.requested"]["body"]["subjectDigest"] == of["grant.consumed"]["body"]["plan"] == of["plan.made"]["body"]["plan"]
    # Each process names the record of the other that it goes on from.
    assert of["grant.consumed"]["follows"] == reference(of["approval.decided"], "gateway")
    assert of["approval.requested"]["follows"] == of["grant.consumed"]["body"]["made"] == reference(of["plan.made"], "clanker")
    behind = [r.get("follows") for r in gateway if r["kind"] == "tool.answered"]
    theirs = {r["kind"]: r for r in clanker}
    assert behind == [reference(theirs[kind], "clanker") for kind in ("question.asked", "plan.made", "grant.consumed")]
    evidence = next(r for r in clanker if r["kind"] == "question.asked")["body"]["evidence"]
    assert len(evidence) >= 5 and all(re.fullmatch("[0-9a-f]{64}", digest) for _, digest in evidence)
    assert of["apply.result"]["body"]["recovery"] == "recovered"


def reference(record: dict[str, Any], chain: str) -> str:
    return f"{chain}:{record['seq']}:{record['mac']}"


def flip(lines: list[bytes]) -> list[bytes]:
    middle = len(lines) // 2
    at = lines[middle].index(b'"actor":"') + len(b'"actor":"')
    changed = bytearray(lines[middle])
    changed[at] ^= 1
    return [*lines[:middle], bytes(changed), *lines[middle + 1:]]


def drop_tail(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def test_tampering_is_found_and_named(world: Any, tmp_path: Path) -> None:
    here = world()
    ada = SURFACES["telegram"](here)
    said = ask(ada)
    ada.ask(ORDER)
    here.one_pending()
    here.hurry()
    ops_places(here)["slack"].press("bo")
    ada.answer("It has recovered", after=said)
    here.disconnect()
    here.gateway.stop()
    here.openclaw("audit", "verify", *map(str, here.chains()))
    for name, damage in (("flip", flip), ("drop", drop_tail), ("swap", swap)):
        for victim in (0, 1):
            copies = [tmp_path / f"{name}-{victim}-{i}" for i in (0, 1)]
            for original, copy in zip(here.chains(), copies):
                shutil.copytree(original, copy)
            file = copies[victim] / "audit.jsonl"
            lines = file.read_bytes().splitlines(keepends=True)
            file.write_bytes(b"".join(damage(lines)))
            found = here.openclaw("audit", "verify", *map(str, copies), code=None)
            assert found.returncode == 3, f"{name} of chain {victim} was not found:\n{found.stdout}"
            hurt = ("gateway", "clanker")[victim]
            where = {"flip": len(lines) // 2 + 1, "drop": len(lines), "swap": 3}[name]  # the number of the record that is not what it was
            report = found.stdout.split(f"{hurt}: ")[1]
            assert report.splitlines()[0].endswith("DAMAGED") and re.search(rf"\b{where}\b", report.split("\n", 1)[1]), f"{name}, {where}:\n{found.stdout}"


@pytest.mark.parametrize("channel", CHANNELS)
def test_denied(world: Any, channel: str) -> None:
    here = world()
    ada = SURFACES[channel](here)
    ada.ask(ORDER)
    here.one_pending()
    place = ops_places(here)["telegram" if channel == "slack" else "slack"]
    assert place.press("bo", "Deny").startswith("Denied by")
    told = ada.answer("Denied", "was not called and nothing was touched")
    assert "by Bo via telegram" in told or "by u0boss via slack" in told
    for where in ops_places(here).values():
        where.outcome("Denied by", "Nothing was touched")
    assert not here.effects() and not here.pending() and here.checkout()[0] == "shop/checkout:v1.4.2"
    assert not [r for r in records(here.chains()[1]) if r["kind"] in ("grant.consumed", "step.applied")]


@pytest.mark.parametrize("channel", CHANNELS)
def test_expired(world: Any, channel: str) -> None:
    here = world()
    here.disconnect()
    here.settings["approvals"]["timeout"] = "2s"
    here.gateway.configure(here.settings)
    here.gateway.restart()
    ada = SURFACES[channel](here)
    ada.ask(ORDER)
    place = ops_places(here)["slack"]
    token = place.token()
    told = ada.answer("expired", "was not called and nothing was touched")
    assert "without a decision" in told
    for where in ops_places(here).values():
        where.outcome("Expired at", "Nothing was touched")
    assert "xpired" in place.press("bo", late=token)
    assert not here.effects() and not here.pending()


@pytest.mark.parametrize(("channel", "accounts"), [("slack", ["slack:T0TEAM.U0ADA", "telegram:7"]), ("telegram", ["telegram:99", "slack:T0TEAM.U0BOSS"]),
                                                   ("webchat", ["operator:token", "slack:T0TEAM.U0BOSS"])])
def test_two_accounts_of_one_human_are_one_person(world: Any, channel: str, accounts: list[str]) -> None:
    here = world(session={"identityLinks": {"ada": accounts}})
    ada = SURFACES[channel](here)
    ada.ask(ORDER)
    here.one_pending()
    other = ops_places(here)["telegram" if channel == "slack" else "slack"]
    assert "you asked for this, somebody else has to approve it" in other.press("bo")
    assert len(here.pending()) == 1 and not here.effects()
    assert other.press("bo", "Deny").startswith("Denied by")  # saying no to oneself is free
    ada.answer("Denied")
    assert not here.effects()


def test_the_owner_is_one_person_on_every_device(world: Any, bridge: Any) -> None:
    """Asked on the web page: neither the command line nor a bridge of the same owner may approve it."""
    here = world()
    served = bridge(here)
    ada = SURFACES["webchat"](here)
    ada.ask(ORDER)
    request = here.one_pending()["id"]
    refused = here.openclaw("approvals", "approve", request, code=5)
    assert "APPROVAL_SELF" in refused.stderr
    answer = served.call("permissions_respond", kind="plugin", id=request, decision="allow-once")
    assert answer == {"content": [{"type": "text", "text": "you asked for this, somebody else has to approve it"}], "isError": True}
    assert len(here.pending()) == 1 and not here.effects()
    assert here.openclaw("approvals", "deny", request).stdout.startswith("Denied")
    ada.answer("Denied")
