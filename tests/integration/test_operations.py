"""Every typed operation from outside: planned, approved, applied with exactly one mutating request, and refused once the world has moved.

The terminal's own approval is here too: a person at a pty who types the beginning of the digest, or something else.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from clanker_support import CLANKER, Authority, Clanker, Estate

WAIT = 60.0


@dataclass(frozen=True)
class Operation:
    """A wish in words, what it becomes, and where its one request goes. `prepare` and `drift` happen before and after the plan."""

    name: str
    request: str
    becomes: str
    verb: str
    path: str
    holds: Callable[[Estate], bool]
    drift: Callable[[Estate, dict[str, Any]], None]
    scenario: str = "healthy"
    prepare: Callable[[Estate], None] = lambda estate: None
    hurry: bool = True  # time runs faster while it is applied


def image(estate: Estate, name: str) -> str:
    return str(estate.deployment(name)["spec"]["template"]["spec"]["containers"][0]["image"])


def stamps(estate: Estate, name: str) -> dict[str, str]:
    return dict(estate.deployment(name)["spec"]["template"]["metadata"].get("annotations") or {})


def github(estate: Estate, verb: str, path: str) -> Any:
    """What somebody else does on GitHub."""
    request = urllib.request.Request(estate.ready["github"] + path, method=verb, headers={"Authorization": f"Bearer {estate.ready['github_token']}"})
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def runs(estate: Estate) -> list[dict[str, Any]]:
    return list(github(estate, "GET", f"/repos/{estate.ready['repository']}/actions/runs")["workflow_runs"])


def deploy_elsewhere(estate: Estate, _plan: dict[str, Any]) -> None:
    estate.tell("POST", "/deploy", {"name": "web", "image": "shop/web:2.99.0"})


def run_again_elsewhere(estate: Estate, plan: dict[str, Any]) -> None:
    run_id = plan["steps"][0]["parameters"]["run_id"]
    github(estate, "POST", f"/repos/{estate.ready['repository']}/actions/runs/{run_id}/rerun")


def let_it_end(estate: Estate, _plan: dict[str, Any]) -> None:
    estate.advance(3600)


def begin_a_run(estate: Estate) -> None:
    estate.freeze()
    estate.tell("POST", "/deploy", {"name": "checkout", "image": "shop/checkout:v1.4.3", "in_seconds": 30, "commit": {"message": "checkout: one more", "author": "dana"}})
    estate.advance(20)
    assert any(run["status"] != "completed" for run in runs(estate))


OPERATIONS = [
    Operation("scale", "scale web to 5", "kubernetes.scale", "PATCH", r"/deployments/web$",
              holds=lambda estate: estate.deployment("web")["spec"]["replicas"] == 5, drift=deploy_elsewhere),
    Operation("set_image", "set image of web to shop/web:2.13.0", "kubernetes.set_image", "PATCH", r"/deployments/web$",
              holds=lambda estate: image(estate, "web") == "shop/web:2.13.0", drift=deploy_elsewhere),
    Operation("rollout_restart", "restart web", "kubernetes.rollout_restart", "PATCH", r"/deployments/web$",
              holds=lambda estate: "kubectl.kubernetes.io/restartedAt" in stamps(estate, "web"), drift=deploy_elsewhere),
    Operation("rollout_undo", "roll back checkout", "kubernetes.rollout_undo", "PATCH", r"/deployments/checkout$", scenario="bad-deploy",
              holds=lambda estate: image(estate, "checkout") == "shop/checkout:v1.4.1",
              drift=lambda estate, _plan: estate.tell("POST", "/deploy", {"name": "checkout", "image": "shop/checkout:v1.4.3"})),
    Operation("rerun", "rerun run {deploy_run}", "github.rerun_run", "POST", r"/actions/runs/\d+/rerun$", scenario="bad-deploy",
              holds=lambda estate: next(run["run_attempt"] for run in runs(estate) if run["run_number"] == 128 and run["name"] == "Deploy") == 2,
              drift=run_again_elsewhere),
    Operation("rerun_failed_jobs", "rerun the failed workflow", "github.rerun_failed_jobs", "POST", r"/actions/runs/\d+/rerun-failed-jobs$",
              scenario="failing-workflow", holds=lambda estate: any(run["run_attempt"] == 2 for run in runs(estate)), drift=run_again_elsewhere),
    Operation("cancel_run", "cancel the running workflow", "github.cancel_run", "POST", r"/actions/runs/\d+/cancel$", prepare=begin_a_run, hurry=False,
              holds=lambda estate: any(run["conclusion"] == "cancelled" for run in runs(estate)), drift=let_it_end),
]


@pytest.fixture(name="play")
def fixture_play(tmp_path: Path) -> Iterator[Callable[[Operation], tuple[Estate, Clanker]]]:
    """Starts the estate that an operation needs, and a clanker pointed at it."""
    started: list[Estate] = []

    def play(operation: Operation) -> tuple[Estate, Clanker]:
        estate = Estate(tmp_path / "estate", operation.scenario)
        started.append(estate)
        operation.prepare(estate)
        return estate, Clanker(tmp_path, estate)

    yield play
    for estate in started:
        estate.stop()


def grant_for(clanker: Clanker, digest: str) -> Path:
    authority = Authority()
    clanker.run("trust", "add", "gateway", authority.public_key)
    path = clanker.home / "grant"
    path.write_text(authority.grant(digest))
    return path


def plan_of(estate: Estate, clanker: Clanker, operation: Operation) -> tuple[Path, str, dict[str, Any]]:
    request = operation.request
    if "{deploy_run}" in request:
        request = request.format(deploy_run=next(run["id"] for run in runs(estate) if run["run_number"] == 128 and run["name"] == "Deploy"))
    path, digest = clanker.plan(request)
    plan = json.loads(path.read_text())
    assert [step["operation"] for step in plan["steps"]] == [operation.becomes], plan
    return path, digest, plan


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_one_approval_is_one_request_and_the_change_is_there(play: Any, operation: Operation) -> None:
    estate, clanker = play(operation)
    path, digest, _ = plan_of(estate, clanker, operation)
    assert not estate.effects() and not operation.holds(estate), "a plan only reads"
    needed = clanker.run("ask", "--apply", "--plan-file", str(path), code=6)
    assert "APPROVAL_NEEDED" in needed.stderr and not estate.effects()
    grant = grant_for(clanker, digest)
    if operation.hurry:
        estate.tell("POST", "/clock/rate", {"rate": 60})
    told = clanker.json("ask", "--apply", "--plan-file", str(path), "--grant-file", str(grant), code=None)
    assert told["state"] == "done", told
    again = clanker.json("ask", "--apply", "--plan-file", str(path), "--grant-file", str(grant), code=None)
    assert again["repeated"], "asking again tells how it went"
    [effect] = estate.effects()
    assert effect["verb"] == operation.verb and re.search(operation.path, effect["path"].split("?")[0]), effect
    assert operation.holds(estate)
    assert clanker.json("apply", "status", digest, code=None)["state"] == "done"
    assert clanker.json("audit", "verify")["intact"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_has_changed_since_the_plan_is_left_alone(play: Any, operation: Operation) -> None:
    estate, clanker = play(operation)
    path, digest, plan = plan_of(estate, clanker, operation)
    operation.drift(estate, plan)
    before = estate.effects()
    refused = clanker.run("ask", "--apply", "--plan-file", str(path), "--grant-file", str(grant_for(clanker, digest)), code=5)
    assert "PRECONDITION_FAILED" in refused.stderr, refused.stderr
    assert estate.effects() == before
    assert "APPLY_NOT_BEGUN" in clanker.run("apply", "status", digest, code=1).stderr, "the grant is not used up"


class Terminal:
    """clanker at a pty, and the person in front of it. Its result still goes to a pipe."""

    def __init__(self, clanker: Clanker, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([str(CLANKER), *arguments], env=clanker.environment, stdin=slave, stdout=subprocess.PIPE, stderr=slave, text=True,
                                        start_new_session=True)
        os.close(slave)
        self.shown = ""

    def wait_for(self, words: str) -> str:
        """Reads what is shown until these words are there."""
        end = time.monotonic() + WAIT
        while words not in self.shown:
            assert time.monotonic() < end, f"{words!r} is not shown:\n{self.shown}"
            self._read(0.2)
        return self.shown

    def type(self, line: str) -> None:
        os.write(self.master, (line + "\n").encode())

    def end(self) -> tuple[int, str]:
        """The exit code and what was printed."""
        printed, _ = self.process.communicate(timeout=WAIT)
        self._read(0)
        os.close(self.master)
        return self.process.returncode, printed

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        try:
            self.shown += os.read(self.master, 65536).decode(errors="replace") if ready else ""
        except OSError:
            pass  # the other end is closed: it has ended


PROMPT = "type the first 6 characters of the digest: "
SCALE = OPERATIONS[0]


def test_a_person_at_the_terminal_approves_by_the_digest(play: Any) -> None:
    estate, clanker = play(SCALE)
    path, digest, _ = plan_of(estate, clanker, SCALE)
    terminal = Terminal(clanker, "ask", "--apply", "--plan-file", str(path), "--json")
    card = terminal.wait_for(PROMPT)
    for fact in ("Scale deployment shop/web from", "to 5 pods", "risk     medium", f"digest   {digest}", "only if  ", "undo     "):
        assert fact in card, card
    assert not estate.effects()
    estate.tell("POST", "/clock/rate", {"rate": 60})
    terminal.type(digest[:6])
    code, printed = terminal.end()
    told = json.loads(printed)
    assert (code, told["state"], told["recovery"]) == (0, "done", "recovered"), terminal.shown
    assert len(estate.effects()) == 1 and SCALE.holds(estate)
    kinds = [record["kind"] for record in map(json.loads, (clanker.home / "clanker/audit/audit.jsonl").read_text().splitlines())]
    assert kinds.count("grant.consumed") == 1 and clanker.json("audit", "verify")["intact"]


@pytest.mark.parametrize("typed", ["yes", "", "000000", "{short}", "{long}"])
def test_another_answer_at_the_terminal_refuses(play: Any, typed: str) -> None:
    estate, clanker = play(SCALE)
    path, digest, _ = plan_of(estate, clanker, SCALE)
    answer = typed.format(short=digest[:5], long=digest[:7])
    assert answer != digest[:6]
    terminal = Terminal(clanker, "ask", "--apply", "--plan-file", str(path))
    terminal.wait_for(PROMPT)
    terminal.type(answer)
    code, printed = terminal.end()
    assert (code, printed) == (5, "") and "not approved; nothing was touched" in terminal.shown
    assert not estate.effects()
    assert "APPLY_NOT_BEGUN" in clanker.run("apply", "status", digest, code=1).stderr


def test_the_end_of_input_is_no_approval(play: Any) -> None:
    estate, clanker = play(SCALE)
    path, _, _ = plan_of(estate, clanker, SCALE)
    terminal = Terminal(clanker, "ask", "--apply", "--plan-file", str(path))
    terminal.wait_for(PROMPT)
    os.write(terminal.master, b"\x04")  # control-D on an empty line
    code, _ = terminal.end()
    assert code == 5 and not estate.effects()
