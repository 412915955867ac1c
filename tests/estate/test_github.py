"""The pretend GitHub, through clients that others wrote and by hand."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SHOP = "/repos/acme/shop"


def node_tools() -> Path:
    """The folder with @octokit/rest in it, installed when needed."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node or npm is not installed: @octokit/rest cannot vouch for the pretend GitHub on this machine")
    folder = Path(os.environ.get("PINCER_NODE_TOOLS") or HERE.parents[1] / "build" / "node-tools")
    done = subprocess.run([str(HERE / "clients" / "install.sh")], env={**os.environ, "PINCER_NODE_TOOLS": str(folder)},
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"@octokit/rest cannot be installed: {done.stderr.strip()[-300:]}")
    return folder


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_octokit(estate, prefix):
    shop = estate()
    done = subprocess.run(["node", str(HERE / "clients" / "octokit.mjs"), str(node_tools()), shop.github + prefix, shop.github_token],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["login"] == "dana" and seen["repo"] == "acme/shop" and seen["limit"] == 5000
    assert seen["runs"][0] == "Deploy #128 success" and seen["jobs"] == ["build success", "deploy success"]
    assert "deployment.apps/checkout image updated" in seen["log"] and seen["archive"] == "PK"
    assert seen["commits"][0] == "checkout: read payment endpoint from PAYMENT_URL (#57)" and len(seen["commits"]) == 5
    assert seen["run"] == seen["branch"] == seen["deployment"] == seen["pull"][2] and seen["author"] == "Dana Okafor"
    assert seen["files"] == ["checkout/config.go", "checkout/main.go"] and seen["pull"][1] is True
    assert seen["statuses"] == ["success", "in_progress"] and seen["environments"] == ["production"]
    assert seen["missing"] == [404, "Not Found"] and seen["stranger"] == [401, "Bad credentials"]
    assert seen["tooLate"][0] == 409 and seen["unchanged"][0] == 304
    assert (seen["rerun"], seen["again"], seen["cancel"], seen["end"]) == (201, "queued", 202, "cancelled")


def test_pygithub(estate):
    github = pytest.importorskip("github", reason="PyGithub is not installed (pip install PyGithub): it cannot vouch for us")
    shop = estate()
    hub = github.Github(base_url=shop.github, auth=github.Auth.Token(shop.github_token), retry=None)
    repo = hub.get_repo("acme/shop")
    run = repo.get_workflow_runs(branch="main", status="success")[0]
    assert (run.name, run.run_number, run.conclusion, run.run_attempt) == ("Deploy", 128, "success", 1)
    assert [job.name for job in run.jobs()] == ["build", "deploy"]
    assert repo.get_commit(run.head_sha).commit.message.startswith("checkout: read payment endpoint")
    assert repo.get_pull(57).merged and repo.get_branch("main").commit.sha == run.head_sha
    deployment = repo.get_deployments(environment="production")[0]
    assert [status.state for status in deployment.get_statuses()] == ["success", "in_progress"]
    assert run.rerun() and hub.get_rate_limit()
    with pytest.raises(github.UnknownObjectException):
        hub.get_repo("acme/nothing")
    with pytest.raises(github.BadCredentialsException):
        print(github.Github(base_url=shop.github, auth=github.Auth.Token("wrong"), retry=None).get_user().login)


def test_rerun_lives_by_the_clock_and_repairs_a_flaky_run(estate):
    shop = estate("failing-workflow")
    shop.freeze()
    _, found, _ = shop.hub(f"{SHOP}/actions/runs?status=failure")
    run = found["workflow_runs"][0]
    assert (run["name"], run["conclusion"]) == ("CI", "failure")
    jobs = shop.hub(f"{SHOP}/actions/runs/{run['id']}/jobs")[1]["jobs"]
    assert [job["conclusion"] for job in jobs] == ["failure", "skipped"]
    assert [step["conclusion"] for step in jobs[0]["steps"]] == ["success", "success", "failure", "success"]
    assert "--- FAIL: TestBasketTotal" in shop.hub(f"{SHOP}/actions/jobs/{jobs[0]['id']}/logs")[1]
    path = f"{SHOP}/actions/runs/{run['id']}"
    assert shop.hub(path + "/rerun-failed-jobs", "POST")[0] == 201
    states = []
    for seconds in (0, 10, 120):
        shop.advance(seconds)
        now = shop.hub(path)[1]
        states.append((now["status"], now["conclusion"], now["run_attempt"]))
    assert states == [("queued", None, 2), ("in_progress", None, 2), ("completed", "success", 2)]
    assert shop.hub(f"{path}/attempts/1")[1]["conclusion"] == "failure"


def test_rerun_of_the_last_good_deploy_rolls_back(estate):
    shop = estate()
    shop.freeze()
    runs = shop.hub(f"{SHOP}/actions/workflows/deploy.yml/runs")[1]["workflow_runs"]
    good = next(run for run in runs if run["run_number"] == 127)
    assert shop.hub(f"{SHOP}/actions/runs/{good['id']}/rerun", "POST")[0] == 201
    assert shop.hub(f"{SHOP}/actions/runs/{good['id']}/rerun", "POST")[0] == 403
    shop.advance(150)
    _, deployment, _ = shop.kube("/apis/apps/v1/namespaces/shop/deployments/checkout")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/checkout:v1.4.1"
    assert deployment["status"]["availableReplicas"] == 3
    newest = shop.hub(f"{SHOP}/deployments")[1][0]
    assert newest["sha"] == good["head_sha"] and newest["payload"]["image"] == "shop/checkout:v1.4.1"


def test_a_cancelled_deploy_deploys_nothing(estate):
    shop = estate()
    shop.freeze()
    made = shop.tell("POST", "/deploy", {"name": "web", "image": "shop/web:v2.13.0", "in_seconds": 300})
    path = f"{SHOP}/actions/runs/{made['run_id']}"
    shop.advance(30)
    assert shop.hub(path)[1]["status"] == "in_progress"
    assert shop.hub(path + "/cancel", "POST")[0] == 202
    shop.advance(600)
    assert shop.hub(path)[1]["conclusion"] == "cancelled"
    _, web, _ = shop.kube("/apis/apps/v1/namespaces/shop/deployments/web")
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/web:v2.12.0"
    assert all(entry["sha"] != made["sha"] for entry in shop.hub(f"{SHOP}/deployments")[1])


def test_pages_and_filters(estate):
    shop = estate()
    code, runs, headers = shop.hub(f"{SHOP}/actions/runs?per_page=1&page=2")
    assert code == 200 and len(runs["workflow_runs"]) == 1 and runs["total_count"] == 4
    assert {part.split("; ")[1] for part in headers["Link"].split(", ")} == {'rel="prev"', 'rel="next"', 'rel="last"', 'rel="first"'}
    run = shop.hub(f"{SHOP}/actions/runs")[1]["workflow_runs"][0]
    for query, count in ((f"head_sha={run['head_sha']}", 1), (f"created=%3E%3D{run['created_at']}", 1), ("branch=nothing", 0),
                         ("event=push&status=completed", 4), ("created=2001-01-01..2001-01-02", 0)):
        assert shop.hub(f"{SHOP}/actions/runs?{query}")[1]["total_count"] == count, query
    assert shop.hub(f"{SHOP}/actions/runs?created=yesterday")[0] == 422


def test_errors_and_limits(estate):
    shop = estate()
    _, _, headers = shop.hub(SHOP)
    left = int(headers["X-RateLimit-Remaining"])
    code, _, again = shop.hub(SHOP, If_None_Match=headers["ETag"])
    assert code == 304 and int(again["X-RateLimit-Remaining"]) >= left - 1
    assert int(shop.hub(SHOP)[2]["X-RateLimit-Remaining"]) == left - 1
    code, body, headers = shop.hub("/user", Authorization="token wrong")
    assert code == 401 and body["message"] == "Bad credentials" and body["documentation_url"] and headers["X-GitHub-Request-Id"]
    code, body, _ = shop.hub(f"{SHOP}/deployments", "POST", {})
    assert code == 422 and body["errors"][0]["field"] == "ref"
    shop.fault("rate_limit", count=1, service="github")
    code, body, headers = shop.hub(SHOP)
    assert code == 403 and headers["X-RateLimit-Remaining"] == "0" and "rate limit exceeded" in body["message"]
    shop.fault("rate_limit", "secondary", count=1, service="github")
    code, body, headers = shop.hub(SHOP)
    assert code == 403 and headers["Retry-After"] == "60" and "secondary" in body["message"]
    assert shop.hub(SHOP)[0] == 200
