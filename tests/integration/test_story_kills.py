"""kill -9 at any moment of the story, then a restart: nothing lost, nothing doubled, nothing applied twice.

A seed decides the channel, who is killed and when: at moments that can be seen from outside (the answer leaves, the cards stand, the
change is on its way to the cluster), and at random ones between them. The thirteen seeds of a usual run take every moment once;
PINCER_SOAK=1 runs more than 200. PINCER_KILL_SEED=N runs one again. The totals stand at the end of pytest's output.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from gateway_client import Closed, Refused
from story_support import CHANNELS, ORDER, QUESTION, REPEATED, SLACK_OPS, SURFACES, TELEGRAM_OPS, SlackPlace, TelegramPlace, World, records, until

VICTIMS = ["gateway", "clanker", "both"]
# Where in the story; the figure is how many seconds later at most.
MOMENTS = {"before the question": 0.0, "asked": 0.03, "looking": 0.4, "answer leaves": 0.01, "ordered": 0.03, "planning": 0.3, "card leaves": 0.02,
           "waiting": 0.05, "pressed": 0.06, "change not carried out yet": 0.3, "change carried out, answer on its way": 0.3, "recovering": 1.0,
           "result leaves": 0.01}
USUAL, SOAK = 13, 208
TITLE = "Roll back deployment shop/checkout"


def seeds() -> list[int]:
    if chosen := os.environ.get("PINCER_KILL_SEED"):
        return [int(seed) for seed in chosen.split(",")]
    return list(range(SOAK if os.environ.get("PINCER_SOAK") else USUAL))


class Fate:
    """What a seed has in store."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        names = list(MOMENTS)
        self.moment = names[seed % len(names)]
        self.channel = CHANNELS[(seed + seed // len(names)) % len(CHANNELS)]
        self.victim = self.random.choice(VICTIMS)
        if self.victim == "clanker" and ("leaves" in self.moment or self.moment in ("before the question", "waiting", "pressed")):
            self.victim = "gateway"  # there is nothing that clanker does just then
        self.again = self.random.random() < 0.3  # killed once more while it comes back
        self.delay = self.random.uniform(0, MOMENTS[self.moment])

    def __str__(self) -> str:
        return f"seed {self.seed} (PINCER_KILL_SEED={self.seed}): {self.channel}, {self.victim} killed {self.delay:.3f}s after '{self.moment}'" + (
            ", and again" if self.again else "")


class Play:
    """The story with a kill in it, played to its end by people who do what people do: they press again when nothing happened."""

    def __init__(self, world: World, fate: Fate) -> None:
        self.world, self.fate = world, fate
        self.ada = SURFACES[fate.channel](world)
        self.killed = False
        self.kills = 0
        self.ops = {"slack": SlackPlace(world, SLACK_OPS), "telegram": TelegramPlace(world, TELEGRAM_OPS)}

    def at(self, moment: str) -> None:
        if moment != self.fate.moment or self.killed:
            return
        self.killed = True
        time.sleep(self.fate.delay)  # the moment itself is random
        self.kill()
        if self.fate.again and self.fate.victim != "clanker":
            time.sleep(self.fate.random.uniform(0, 0.3))
            self.kill()

    def kill(self) -> None:
        world, victim = self.world, self.fate.victim
        children = engines(world.gateway.pid)
        assert children or victim == "gateway" or self.fate.again, "there is no clanker to kill"
        world.disconnect()
        for child in children if victim != "gateway" else []:
            with contextlib.suppress(ProcessLookupError):  # it was on its way out already
                os.kill(child, signal.SIGKILL)
                self.kills += 1
        if victim != "clanker":
            world.gateway.process.send_signal(signal.SIGKILL)
            self.kills += 1
            world.gateway.process.wait()
            world.gateway.start()

    def sent(self, *words: str) -> bool:
        """Whether a message with these words has left for the platform, or stands in the web chat."""
        if self.fate.channel == "webchat":
            return any(all(word in text for word in words) for text in self.ada.said())
        double, method = (self.world.slack, "chat.postMessage") if self.fate.channel == "slack" else (self.world.telegram, "sendMessage")
        return any(c["method"] == method and all(word in str(c["parameters"].get("text", "")) for word in words) for c in double.control("calls"))

    def say(self, text: str) -> None:
        """On the web page what was not answered is sent again under the same key; the messengers keep what they were given."""
        asked = getattr(self.ada, "asked", 0)

        def tried() -> bool:
            try:
                self.ada.ask(text)
                return True
            except (OSError, Closed):
                self.world.disconnect()
                self.ada.asked = asked  # type: ignore[attr-defined]
                return False
        until(tried, "the question is taken")

    def question(self) -> None:
        if self.fate.moment == "before the question" and self.fate.channel != "webchat":
            self.world.gateway.kill9()  # asked while nobody is there
            self.kills += 1
            self.say(QUESTION)
            self.killed = True
            self.world.gateway.start()
        else:
            self.at("before the question")
            self.say(QUESTION)
        self.at("asked")
        self.at("looking")
        until(lambda: self.sent("Production is"), "the answer leaves")
        self.at("answer leaves")
        self.ada.answer("Production is")

    def order(self) -> None:
        self.say(ORDER)
        self.at("ordered")
        self.at("planning")
        if self.fate.moment == "card leaves":
            until(lambda: any("Approval needed" in str(c["parameters"].get("text", "")) for c in self.world.telegram.control("calls") + self.world.slack.control("calls")),
                  "a card leaves")
            self.at("card leaves")
        for place in self.ops.values():
            until(lambda: any("Approval needed" in m["text"] for m in place.messages()), f"a card in {place.channel}")
        self.at("waiting")
        assert until(self.world.pending, "the request is still there")

    def decide(self) -> None:
        if self.fate.moment == "change not carried out yet":
            self.world.shop.fault("latency_ms", 1000, count=1, service="kubernetes", verb="PATCH")
        if self.fate.moment == "change carried out, answer on its way":
            self.world.shop.fault("hang", 1.5, count=1, when="after", service="kubernetes", verb="PATCH")
        self.world.hurry()
        place = self.ops["slack" if self.fate.seed % 2 else "telegram"]
        press(place)
        self.at("pressed")
        end = time.monotonic() + 40
        patience = time.monotonic() + 2
        while self.world.pending():
            assert time.monotonic() < end, "the press never counted"
            if time.monotonic() > patience:  # Slack tells of a press once only: the person presses again
                press(place)
                patience = time.monotonic() + 2
            time.sleep(0.05)
        if self.fate.moment.startswith("change"):
            until(lambda: any(f["hits"] for f in self.world.shop.tell("GET", "/faults")["faults"]) or self.told(), "the change is sent")
            self.at(self.fate.moment)
        until(lambda: self.world.effects() or self.told(), "the change is carried out")
        self.at("recovering")
        until(lambda: self.told(), "the result")
        self.at("result leaves")

    def told(self) -> bool:
        return self.sent(TITLE, "(v1.4.1): ") or self.sent("outcome is unknown") or self.sent("could not finish")

    def result(self) -> str:
        def look() -> str:
            return next((t for t in self.ada.said() if "(v1.4.1): " in t or "outcome is unknown" in t or "could not finish" in t), "")
        return str(until(look, f"the result in the thread: {self.ada.said()}"))


def press(place: Any) -> None:
    """Bo presses Approve on the newest card, when it still has its buttons."""
    card = [m for m in place.messages() if place.buttons(m)]
    if not card:
        return
    if place.channel == "slack":
        place.world.slack.control("press", channel=place.to, ts=card[-1]["ts"], user="U0BOSS", label="Approve")
    else:
        place.world.telegram.control("press", chat_id=place.to, message_id=card[-1]["message_id"], label="Approve", **{"from": {"id": 7, "first_name": "Bo"}})


def engines(gateway: int) -> list[int]:
    """The clanker processes below a Gateway."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it ended just now
        pid = int(stat.parent.name)
        names[pid], parents[pid] = text[text.index("(") + 1:text.rindex(")")], int(text[text.rindex(")") + 2:].split()[1])

    def below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == gateway:
                return True
        return False
    return [pid for pid, name in names.items() if name == "clanker" and below(pid)]


def deliveries(world: World) -> list[dict[str, Any]]:
    """The delivery queue as the stopped Gateway left it."""
    with sqlite3.connect(f"file:{world.gateway.state / 'state/openclaw.sqlite'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT id, purpose, channel, recipient, state, attempts, body FROM deliveries")]


def count_messages(play: Play, queue: list[dict[str, Any]], history: list[dict[str, Any]]) -> collections.Counter[str]:
    """How many messages of the story were lost, doubled, or came again with the word that they may be a repetition. Telegram cannot
    be asked whether a message arrived: only one whose sending was cut off may come again, and only marked."""
    slack, telegram = play.world.slack.control("messages", sent="1"), play.world.telegram.control("messages", sent="1")
    count: collections.Counter[str] = collections.Counter(lost=max(0, 4 - len(history)), doubled=max(0, len(history) - 4))
    for channel, messages in (("slack", slack), ("telegram", telegram)):
        rows = [row for row in queue if row["channel"] == channel and row["purpose"] != "approval-outcome"]
        firsts, repeats = [m for m in messages if REPEATED not in str(m)], [m for m in messages if REPEATED in str(m)]
        allowed = sum(row["attempts"] - 1 for row in rows if row["attempts"] > 1) if channel == "telegram" else 0
        count["lost"] += max(0, len(rows) - len(firsts) - len(repeats))
        count["doubled"] += max(0, len(firsts) - len(rows)) + max(0, len(repeats) - allowed)
        count["marked"] += min(len(repeats), allowed)
    return count


def check_messages(play: Play, queue: list[dict[str, Any]], history: list[dict[str, Any]], tally: collections.Counter[str]) -> None:
    """Every message of ours stands on its platform once, and in the transcript."""
    assert all(row["state"] == "sent" for row in queue), queue
    count = count_messages(play, queue, history)
    tally.update(count)
    shown = "\n".join(f"- {m['text'][:150]!r}" for m in play.world.slack.control("messages", sent="1") + play.world.telegram.control("messages", sent="1"))
    assert not count["lost"] and not count["doubled"], f"{count}\n{shown}\n{[(r['id'], r['channel'], r['attempts'], r['body'][:80]) for r in queue]}"
    assert [m["role"] for m in history] == ["user", "assistant"] * 2, [(m["role"], str(m)[:200]) for m in history]


def check_end(play: Play, told: str, tally: collections.Counter[str]) -> None:
    world = play.world
    until(lambda: not world.call("status")["deliveriesWaiting"], "every delivery settled")
    effects = world.effects()
    tally["twice"] += max(0, len(effects) - 1)
    assert len(effects) <= 1, f"applied twice: {effects}"
    if "It has recovered" in told:  # "It has not recovered yet" is an honest answer too
        world.assert_applied_once()
    if play.fate.moment.startswith("change"):
        assert "The answer of clanker__clanker_apply was lost" in told and "It was not called again" in told, told
    if effects:
        assert world.checkout()[0] == "shop/checkout:v1.4.1"
    else:
        assert ": done" not in told, told
    session = next(s["key"] for s in world.call("sessions.list", limit=50)["sessions"])
    history = world.call("chat.history", sessionKey=session)["messages"]
    # A press may be lost with the process that was told of it; a message never is.
    world.slack.until("events", lambda events: all(e["acked"] for e in events if e["type"] == "events_api"), seconds=30)
    world.telegram.until("pending", lambda updates: not updates, seconds=30)
    world.disconnect()
    world.gateway.stop()
    check_messages(play, deliveries(world), history, tally)
    check_chains(world, told, bool(effects))


def check_chains(world: World, told: str, changed: bool) -> None:
    world.openclaw("audit", "verify", *map(str, world.chains()))
    gateway, clanker = (records(folder) for folder in world.chains())
    kinds = [r["kind"] for r in gateway]
    void = [r["body"]["id"] for r in gateway if r["kind"] == "approval.void"]  # cut short while it was made, or decided
    asked, decided = ([r["body"]["id"] for r in gateway if r["kind"] == kind] for kind in ("approval.requested", "approval.decided"))
    put_up = [one for one in asked if one in decided or one not in void]
    assert len(put_up) == 1 and set(decided) == set(put_up) and len(decided) - void.count(put_up[0]) == 1, (kinds, asked, decided, void)
    done = [r for r in clanker if r["kind"] == "grant.consumed"]
    assert len(done) <= 1, "a grant was used twice"
    if not changed:
        return
    digest = done[0]["body"]["plan"]
    status = json.loads(world.clanker("apply", "status", digest, "--json", code=None).stdout)
    assert status["state"] == "done", status
    settled = [r for r in clanker if r["kind"] == "step.settled"]
    if "cut off" in told:
        assert settled, "said to be settled by reading, but the chain knows nothing of it"
    assert len([r for r in clanker if r["kind"] == "step.applied"]) <= 1


@pytest.fixture(name="world")
def fixture_world(tmp_path: Path, binaries: Path, start_gateway: Any, estate: Any, start_double: Any) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        made.append(World(tmp_path, binaries, start_gateway, estate, start_double))
        return made[-1]
    yield make
    for one in made:
        one.disconnect()


@pytest.mark.parametrize("seed", seeds())
def test_a_kill_at_any_moment(world: Any, seed: int, kill_tally: collections.Counter[str]) -> None:
    fate = Fate(seed)
    here = world()
    play = Play(here, fate)
    kill_tally["stories"] += 1
    try:
        play.question()
        play.order()
        play.decide()
        told = play.result()
        print(f"{fate}\n{told}\n{len(here.effects())} effects")
        assert play.killed, "nobody was killed"
        check_end(play, told, kill_tally)
        kill_tally["whole"] += 1
    except (AssertionError, Refused, OSError, Closed) as problem:
        raise AssertionError(f"{fate}\n{problem}\n--- the Gateway's log:\n{here.gateway.log()[-6000:]}") from problem
    finally:
        log = here.gateway.log()
        kill_tally["kills"] += play.kills
        kill_tally["restarts"] += sum(max(0, log.count(word) - 1) for word in ("gateway.listening", "registry.server_ready"))


@pytest.mark.parametrize(("channel", "arrived"), [("telegram", True), ("telegram", False), ("slack", True), ("slack", False)])
def test_a_send_without_an_answer(world: Any, channel: str, arrived: bool) -> None:
    """The connection breaks while the answer is sent. Slack can be asked whether it arrived; Telegram cannot, so there it comes again, marked."""
    here = world()
    double, method = (here.slack, "chat.postMessage") if channel == "slack" else (here.telegram, "sendMessage")
    double.control("fault", method=method, drop=True, before=not arrived)
    ada = SURFACES[channel](here)
    ada.ask(QUESTION)
    if channel == "telegram":
        ada.answer(REPEATED, "Production is")
    else:
        ada.answer("Production is")
    until(lambda: not here.call("status")["deliveriesWaiting"], "the delivery settled")
    said = ada.said()
    marked = [text for text in said if REPEATED in text]
    assert (len(said), len(marked)) == {("telegram", True): (2, 1), ("telegram", False): (1, 1)}.get((channel, arrived), (1, 0)), said
