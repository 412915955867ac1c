"""The real clanker against the estate: verdicts, coverage, plans, and applies that happen exactly once."""

from __future__ import annotations

import hashlib
import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from clanker_support import Authority, Clanker, Estate

Play = Callable[[str], tuple[Estate, Clanker]]


@pytest.fixture(name="play")
def fixture_play(tmp_path: Path) -> Iterator[Play]:
    """Starts an estate with a scenario, and a clanker pointed at it."""
    started: list[Estate] = []

    def play(scenario: str) -> tuple[Estate, Clanker]:
        estate = Estate(tmp_path / scenario, scenario)
        started.append(estate)
        return estate, Clanker(tmp_path, estate)

    yield play
    for estate in started:
        estate.stop()


def approve(clanker: Clanker, digest: str, **changes: Any) -> Path:
    """A grant of a trusted authority for a plan, in a file."""
    authority = Authority()
    clanker.run("trust", "add", f"test-{digest[:8]}-{time.monotonic_ns()}", authority.public_key)
    path = clanker.home / f"grant-{time.monotonic_ns()}"
    path.write_text(authority.grant(digest, **changes))
    return path


def test_bad_deploy_is_named_with_its_commit_and_run(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    told = clanker.json("health", "--after-deploy", code=3)
    assert told["verdict"] == "unhealthy"
    [cause] = told["causes"]
    assert (cause["class"], cause["object"]["name"], cause["object"]["namespace"]) == ("crash_loop", "checkout", "shop")
    assert cause["version"] == "v1.4.2" and any("PAYMENT_URL" in line for line in cause["last_log"])
    assert cause["trigger"]["confidence"] == "fact" and cause["trigger"]["version"] == "v1.4.2"
    kinds = {change["kind"]: change for change in told["changes"]}
    rollout, run = kinds["rollout"], kinds["workflow_run"]
    assert run["run_id"] == cause["trigger"]["run_id"] and run["commit"] == rollout["commit"] == cause["trigger"]["commit"]
    assert run["id"] in {link["change"] for link in rollout["links"] if link["confidence"] == "fact"}
    assert kinds["pull_request"]["object"]["name"] == "57" and kinds["commit"]["actor"] == "dana"
    known = {item["id"] for item in told["evidence"]}
    assert all(set(item["evidence"]) <= known for item in told["causes"] + told["changes"])
    assert told["coverage"]["kubernetes"]["state"] == told["coverage"]["github"]["state"] == "connected"
    assert told["coverage"]["aws"]["state"] == "unsupported" and told["coverage"]["cost"]["state"] == "not_connected"
    assert not estate.effects()


def test_every_sentence_of_an_answer_cites_evidence(play: Play) -> None:
    _, clanker = play("bad-deploy")
    told = clanker.json("ask", "Is production healthy after the last deploy?")
    for part in ("verdict", "broken", "changed"):
        assert told["answer"][part]
        assert all(sentence["evidence"] and sentence["read_at"] for sentence in told["answer"][part])
    text = clanker.run("ask", "Is production healthy after the last deploy?").stdout
    assert "unhealthy" in text and "v1.4.2" in text and "cost: not connected" in text and "#57" in text


@pytest.mark.parametrize("scenario", ["healthy", "quiet"])
def test_without_a_fault_nothing_is_found(play: Play, scenario: str) -> None:
    _, clanker = play(scenario)
    told = clanker.json("health", "--after-deploy")
    assert (told["verdict"], told["causes"]) == ("healthy", [])


@pytest.mark.parametrize(("scenario", "klass", "name", "verdict"), [
    ("image-pull", "image_pull", "web", "unhealthy"), ("pending", "unschedulable", "payments", "unhealthy")])
def test_causes_of_other_faults(play: Play, scenario: str, klass: str, name: str, verdict: str) -> None:
    _, clanker = play(scenario)
    told = clanker.json("health", code=3)
    assert told["verdict"] == verdict
    assert [(cause["class"], cause["object"]["name"]) for cause in told["causes"]] == [(klass, name)]


@pytest.mark.parametrize(("where", "what", "container", "image", "before", "after"), [
    ("shop", "sts/postgres", "postgres", "postgres:16.9", "16.8", "16.9"),
    ("kube-system", "ds/kube-proxy", "kube-proxy", "registry.k8s.io/kube-proxy:v1.33.0", "v1.32.4", "v1.33.0")])
def test_rollouts_of_other_workloads_are_in_the_feed(play: Play, where: str, what: str, container: str, image: str, before: str, after: str) -> None:
    estate, clanker = play("quiet")
    kind = {"sts": "StatefulSet", "ds": "DaemonSet"}[what.split("/")[0]]

    def rollouts() -> list[dict[str, Any]]:
        return [change for change in clanker.json("changes", "--since", "1h")["changes"] if change["kind"] == "rollout" and change["object"]["kind"] == kind]

    def settle() -> None:
        estate.tell("POST", "/clock/rate", {"rate": 30})
        wait_for(lambda: not estate.kubectl("-n", where, "rollout", "status", what, "--timeout=60s", check=False).returncode, 60)
        estate.tell("POST", "/clock/rate", {"rate": "real"})

    assert rollouts() == []
    estate.kubectl("-n", where, "annotate", what, "kubernetes.io/change-cause=by hand")
    estate.kubectl("-n", where, "set", "image", what, f"{container}={image}")
    settle()
    [change] = rollouts()
    assert change["summary"] == f"revision 2 ({after}) replaces revision 1 ({before})" and change["outcome"] == "succeeded", change
    assert change["title"] == "by hand" and len(change["evidence"]) == 3
    estate.kubectl("-n", where, "rollout", "undo", what)
    settle()
    assert [change["summary"] for change in rollouts()] == [f"revision 2 ({after}) went live", f"revision 3 ({before}) replaces revision 2 ({after})"]


def test_a_bad_rollout_of_a_stateful_set_is_the_trigger(play: Play) -> None:
    estate, clanker = play("quiet")
    estate.kubectl("set", "image", "sts/postgres", "postgres=postgres:typo-17")
    estate.tell("POST", "/clock/rate", {"rate": 30})
    wait_for(lambda: "ImagePullBackOff" in estate.kubectl("get", "pod", "postgres-0").stdout)
    estate.tell("POST", "/clock/rate", {"rate": "real"})
    told = clanker.json("health", code=3)
    [cause] = told["causes"]
    assert (cause["class"], cause["object"]["kind"], cause["object"]["name"]) == ("image_pull", "StatefulSet", "postgres")
    assert cause["revision"] == "2" and cause["trigger"]["version"] == "typo-17", cause


def test_two_faults_are_told_apart(play: Play) -> None:
    _, clanker = play("two-faults")
    told = clanker.json("health", code=3)
    assert {(cause["class"], cause["object"]["name"]) for cause in told["causes"]} == {("oom", "payments"), ("crash_loop", "checkout")}
    ambiguous = clanker.run("ask", "--maker", "roll it back", code=2)
    assert "AMBIGUOUS" in ambiguous.stderr and "payments" in ambiguous.stderr and "checkout" in ambiguous.stderr
    assert ambiguous.stdout == ""


def test_a_failing_workflow_degrades(play: Play) -> None:
    _, clanker = play("failing-workflow")
    told = clanker.json("health", code=3)
    [cause] = told["causes"]
    assert told["verdict"] == "degraded" and cause["class"] == "failed_workflow"
    assert any("TestBasketTotal" in line for line in cause["last_log"]) and "Run tests" in cause["summary"]


def test_a_dead_github_does_not_hold_up_the_rest(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    estate.fault("hang", service="github")
    begun = time.monotonic()
    told = clanker.json("health", "--timeout", "2s", code=3)
    assert time.monotonic() - begun < 6
    assert told["verdict"] == "unhealthy" and told["causes"][0]["object"]["name"] == "checkout"
    assert told["coverage"]["github"]["state"] == "timed_out" and told["coverage"]["kubernetes"]["state"] == "connected"


def test_what_could_not_be_read_is_not_healthy(play: Play) -> None:
    estate, clanker = play("healthy")
    estate.fault("hang", service="github")
    told = clanker.json("health", "--timeout", "2s", code=4)
    assert told["verdict"] == "unknown" and told["causes"] == []
    estate.tell("DELETE", "/faults")
    estate.fault("hang", service="kubernetes")
    assert clanker.json("health", "--timeout", "2s", code=4)["verdict"] == "unknown"


def test_an_expired_token_is_said(play: Play) -> None:
    _, clanker = play("bad-deploy")
    clanker.environment["GITHUB_TOKEN"] = "ghp_revoked"
    told = clanker.json("health", code=3)
    assert told["coverage"]["github"]["state"] == "forbidden" and "401" in told["coverage"]["github"]["reason"]
    assert "ghp_revoked" not in json.dumps(told)


@pytest.mark.parametrize("kind", ["kubeconfig-cert", "kubeconfig-exec", "kubeconfig-tokenfile", "kubeconfig-viewer"])
def test_every_way_of_signing_in(play: Play, kind: str) -> None:
    estate, clanker = play("bad-deploy")
    clanker.environment["KUBECONFIG"] = estate.ready["kubeconfigs"][kind]
    told = clanker.json("health", code=3)
    assert told["coverage"]["kubernetes"]["state"] == "connected" and told["causes"][0]["object"]["name"] == "checkout"


def test_changes_since(play: Play) -> None:
    _, clanker = play("bad-deploy")
    told = clanker.json("changes", "--since", "1h")
    assert {"rollout", "workflow_run", "deployment", "commit", "pull_request"} <= {change["kind"] for change in told["changes"]}
    assert clanker.json("changes", "--since", "2m")["changes"] == [] or all(
        change["kind"] == "event" for change in clanker.json("changes", "--since", "2m")["changes"])


def test_a_rollback_from_plan_to_recovery(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll it back")
    assert not estate.effects()
    refused = clanker.run("ask", "--apply", "--plan-file", str(plan), code=6)
    assert "APPROVAL_NEEDED" in refused.stderr and not estate.effects()
    grant = approve(clanker, digest)
    told = clanker.json("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant))
    assert (told["plan_digest"], told["state"], told["recovery"], told["repeated"]) == (digest, "done", "recovered", False)
    assert told["health"]["causes"] == []
    found = estate.deployment("checkout")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/checkout:v1.4.1"
    assert found["metadata"]["annotations"]["clanker.pincer/plan"] == digest
    assert len(estate.effects()) == 1

    # The same plan again: the first outcome, whatever grant comes along, and no second effect.
    other = approve(clanker, digest)
    again = clanker.json("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(other))
    assert (again["state"], again["repeated"]) == ("done", True) and len(estate.effects()) == 1
    assert clanker.json("apply", "status", digest)["recovery"] == "recovered"
    verified = clanker.json("audit", "verify")
    assert verified["intact"]
    kinds = [json.loads(line)["kind"] for line in (clanker.home / "clanker" / "audit" / "audit.jsonl").read_text().splitlines()]
    assert [kind for kind in kinds if kind in ("plan.made", "grant.consumed", "step.applied", "apply.result")] == [
        "plan.made", "grant.consumed", "step.applied", "apply.result"]


def test_a_stale_plan_is_refused_and_keeps_its_grant(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll it back")
    estate.tell("POST", "/deploy", {"name": "checkout", "image": "shop/checkout:v1.4.3"})
    grant = approve(clanker, digest)
    refused = clanker.run("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant), code=5)
    assert "PRECONDITION_FAILED" in refused.stderr and not estate.effects()
    assert "APPLY_NOT_BEGUN" in clanker.run("apply", "status", digest, code=1).stderr


@pytest.mark.parametrize(("changes", "reason"), [
    ({"planDigest": "0" * 64}, "GRANT_NOT_FOR_THIS_PLAN"), ({"riskCeiling": "low"}, "GRANT_RISK_EXCEEDED"),
    ({"audience": "clanker:another"}, "GRANT_AUDIENCE"), ({"issuedAt": 1, "expiresAt": 2}, "GRANT_EXPIRED")])
def test_a_grant_that_does_not_fit_is_refused(play: Play, changes: dict[str, Any], reason: str) -> None:
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll checkout back")
    refused = clanker.run("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(approve(clanker, digest, **changes)), code=5)
    assert reason in refused.stderr and not estate.effects()


def test_only_trusted_authorities_count(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll checkout back")
    path = clanker.home / "grant"
    path.write_text(Authority().grant(digest))
    refused = clanker.run("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(path), code=5)
    assert "GRANT_AUTHORITY_UNKNOWN" in refused.stderr and not estate.effects()


def test_a_grant_is_used_once(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("restart web")
    grant = approve(clanker, digest)
    clanker.run("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant), "--settle", "20s", code=None)
    changed = json.loads(plan.read_text())
    changed["request"] = "restart web, once more"
    plan.write_text(json.dumps(changed))
    refused = clanker.run("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant), code=1)
    assert "PLAN_NOT_FOUND" in refused.stderr and len(estate.effects()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_in_the_middle_is_settled_by_reading(play: Play, when: str) -> None:
    """The change is sent and clanker dies: with `after` the cluster carried it out, with `before` it did not."""
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll it back")
    grant = approve(clanker, digest)
    estate.fault("hang", service="kubernetes", verb="PATCH", when=when)
    running = clanker.start("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant))
    wait_for(lambda: any(fault["hits"] for fault in estate.tell("GET", "/faults")["faults"]))
    if when == "after":
        wait_for(lambda: "clanker.pincer/plan" in (estate.deployment("checkout")["metadata"].get("annotations") or {}))
    running.send_signal(signal.SIGKILL)
    running.wait(20)
    running.communicate()
    effects = 1 if when == "after" else 0
    told = clanker.json("apply", "status", digest, code=0 if effects else 4)
    assert told["state"] == ("done" if effects else "unknown"), told
    assert "settled by reading" in told["text"]
    again = clanker.json("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(grant), code=None)
    assert again["repeated"]
    assert len(estate.effects()) == effects
    state = estate.deployment("checkout")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert state == ("shop/checkout:v1.4.1" if effects else "shop/checkout:v1.4.2")
    assert clanker.json("audit", "verify")["intact"]


def test_a_lost_answer_is_not_done_again(play: Play) -> None:
    """The change takes effect, and the connection breaks before the answer."""
    estate, clanker = play("bad-deploy")
    plan, digest = clanker.plan("roll it back")
    estate.fault("reset", service="kubernetes", verb="PATCH", when="after", count=1)
    told = clanker.json("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(approve(clanker, digest)))
    assert (told["state"], told["recovery"]) == ("done", "recovered")
    assert len([entry for entry in estate.effects() if entry["verb"] == "PATCH"]) == 1


def test_a_failed_workflow_is_run_again(play: Play) -> None:
    estate, clanker = play("failing-workflow")
    plan, digest = clanker.plan("rerun the failed workflow")
    assert json.loads(plan.read_text())["steps"][0]["operation"] == "github.rerun_failed_jobs"
    estate.tell("POST", "/clock/rate", {"rate": 30})
    told = clanker.json("ask", "--apply", "--plan-file", str(plan), "--grant-file", str(approve(clanker, digest)), code=None)
    assert told["state"] == "done" and told["steps"][0]["operation"] == "github.rerun_failed_jobs"
    assert len([entry for entry in estate.effects() if entry["service"] == "github"]) == 1


def wait_for(done: Callable[[], bool], seconds: float = 20) -> None:
    """Until it is so; an assertion when it never is."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


class Tools:
    """`clanker mcp` over its standard streams, spoken to line by line."""

    def __init__(self, clanker: Clanker, *arguments: str) -> None:
        self.process = clanker.start("mcp", "--transport", "stdio", *arguments)
        self._next = 0
        self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any]) -> None:
        """A request whose answer nobody waits for."""
        self._next += 1
        self._send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """A request and its result."""
        self.send(method, params)
        assert self.process.stdout
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == self._next:
                return answer["result"]

    def call(self, tool: str, meta: dict[str, Any] | None = None, **arguments: Any) -> Any:
        """A tool's result."""
        return self.request("tools/call", {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})})

    def stop(self) -> int:
        """Closes its input and waits for it to end."""
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return code


def test_the_tools_and_their_hints(play: Play) -> None:
    _, clanker = play("quiet")
    tools = Tools(clanker)
    listed = {tool["name"]: tool for tool in tools.request("tools/list", {})["tools"]}
    assert set(listed) == {"clanker_version", "clanker_ask", "clanker_health", "clanker_changes", "clanker_plan", "clanker_apply",
                           "clanker_apply_status"}
    assert [name for name, tool in listed.items() if not tool["annotations"]["readOnlyHint"]] == ["clanker_apply"]
    assert listed["clanker_apply"]["annotations"]["destructiveHint"]
    assert listed["clanker_apply"]["_meta"] == {"io.pincer/settledBy": "clanker_apply_status"}
    assert all("outputSchema" in tool for tool in listed.values())
    assert tools.call("clanker_version")["structuredContent"]["name"] == "clanker"
    told = tools.call("clanker_health", after_deploy=True)
    assert told["structuredContent"]["verdict"] == "healthy" and "healthy" in told["content"][0]["text"]
    assert tools.call("clanker_changes", since="soon")["isError"]
    assert tools.stop() == 0


def test_a_rollback_over_mcp_survives_a_kill(play: Play) -> None:
    estate, clanker = play("bad-deploy")
    tools = Tools(clanker)
    health = tools.call("clanker_health", after_deploy=True)["structuredContent"]
    made = tools.call("clanker_plan", {"io.pincer/requester": "slack:T1:U1"}, request="Roll it back.", context=health)["structuredContent"]
    digest = made["plan"]["digest"]
    canonical = json.dumps(made["subject"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest and made["subject"]["requester"] == "slack:T1:U1"
    assert len(made["plan"]["title"]) <= 80 and len(made["plan"]["description"]) <= 512
    refused = tools.call("clanker_apply", plan_digest=digest)
    assert refused["isError"] and "APPROVAL_NEEDED" in refused["content"][0]["text"] and not estate.effects()

    authority = Authority()
    clanker.run("trust", "add", "gateway", authority.public_key)
    estate.fault("hang", service="kubernetes", verb="PATCH", when="after")
    grant = {"io.pincer/grant": authority.grant(digest, audience=made["engine"])}
    tools.send("tools/call", {"name": "clanker_apply", "arguments": {"plan_digest": digest}, "_meta": grant})
    wait_for(lambda: "clanker.pincer/plan" in (estate.deployment("checkout")["metadata"].get("annotations") or {}))
    tools.process.kill()
    tools.process.wait(20)
    tools.process.communicate()
    estate.tell("DELETE", "/faults")

    tools = Tools(clanker)
    settled = tools.call("clanker_apply_status", plan_digest=digest)["structuredContent"]
    assert settled["state"] == "done"
    again = tools.call("clanker_apply", grant, plan_digest=digest)["structuredContent"]
    assert (again["state"], again["repeated"]) == ("done", True)
    wait_for(lambda: tools.call("clanker_apply_status", plan_digest=digest)["structuredContent"]["recovery"] == "recovered")
    assert len(estate.effects()) == 1 and tools.stop() == 0


def test_terminal_and_server_share_a_home(play: Play) -> None:
    _, clanker = play("quiet")
    tools = Tools(clanker)
    for _ in range(3):
        tools.send("tools/call", {"name": "clanker_ask", "arguments": {"question": "is it healthy?"}})
        clanker.run("health")
    assert tools.stop() == 0
    assert clanker.json("audit", "verify")["intact"]


def test_a_changed_byte_of_the_record_is_found(play: Play) -> None:
    _, clanker = play("quiet")
    clanker.run("health")
    path = clanker.home / "clanker" / "audit" / "audit.jsonl"
    path.write_text(path.read_text().replace('"healthy"', '"unhealthy"', 1))
    told = clanker.json("audit", "verify", code=3)
    assert not told["intact"] and told["chains"][0]["findings"]


@pytest.mark.parametrize("arguments", [["nonsense"], ["changes", "--since", "soon"], ["ask"], ["trust", "add", "x", "not-a-key"],
                                       ["health", "--repo", "../..", "--no-such"]])
def test_mistakes_of_usage_have_their_own_code(play: Play, arguments: list[str]) -> None:
    _, clanker = play("quiet")
    done = clanker.run(*arguments, code=2)
    assert done.stdout == "" and done.stderr


def test_mcp_over_http_wants_the_token(play: Play) -> None:
    _, clanker = play("quiet")
    running = clanker.start("mcp", "--transport", "http", "--listen", "127.0.0.1:0")
    assert running.stderr
    url = running.stderr.readline().split(" at ")[1].split(";")[0]
    token = (clanker.home / "clanker" / "mcp-token").read_text().strip()
    ask = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
           "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}

    def post(**headers: str) -> tuple[int, str]:
        request = urllib.request.Request(url, json.dumps(ask).encode(), {"Content-Type": "application/json",
                                         "Accept": "application/json, text/event-stream", **headers})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, ""

    assert post()[0] == 401 and post(Authorization="Bearer wrong")[0] == 401
    assert post(Authorization=f"Bearer {token}", Origin="https://evil.example")[0] == 403
    status, body = post(Authorization=f"Bearer {token}")
    assert status == 200 and '"clanker"' in body
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    running.communicate()
    assert clanker.run("mcp", "--transport", "http", "--listen", "0.0.0.0:0", code=5).stdout == ""
