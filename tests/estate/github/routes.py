"""The table of GitHub's paths. A route takes the call and the path's names, and returns JSON or a Response."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from ..clock import seconds_of, stamp_precise
from ..web import Response
from . import timeline
from .api import LIMIT, Call, GitHubError, Route
from .model import Record

ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, path: str) -> Any:
    """Puts a function into the table; `{name}` stands for one path segment, `{name*}` for the rest."""
    pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", path)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

    def put(function: Route) -> Route:
        ROUTES.append((method, re.compile(pattern), function))
        return function
    return put


def _repo(call: Call, owner: str, name: str) -> Record:
    found = call.hub.repo(owner, name)
    if found is None:
        raise GitHubError(404, "Not Found", "https://docs.github.com/rest/repos/repos#get-a-repository")
    return found


def _by(entries: list[Record], key: str, value: str) -> Record:
    found = next((entry for entry in entries if str(entry[key]) == value), None)
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


def _commit(repo: Record, ref: str) -> Record:
    sha = repo["branches"].get(ref.removeprefix("heads/"), ref)
    found = next((entry for entry in repo["commits"] if len(sha) >= 7 and entry["sha"].startswith(sha)), None)
    if found is None:
        raise GitHubError(422, f"No commit found for SHA: {ref}", "https://docs.github.com/rest/commits/commits#get-a-commit")
    return found


@route("GET", "/")
def root(call: Call) -> Any:
    return {"current_user_url": f"{call.root}/user", "repository_url": call.root + "/repos/{owner}/{repo}",
            "rate_limit_url": f"{call.root}/rate_limit"}


@route("GET", "/user")
def user(call: Call) -> Any:
    return call.views.me(call.login)


@route("GET", "/users/{login}")
def users(call: Call, login: str) -> Any:
    if login not in call.hub.data["users"]:
        raise GitHubError(404, "Not Found")
    return call.views.me(login)


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Any:
    used = int(call.headers["X-RateLimit-Used"])
    core = {"limit": LIMIT, "used": used, "remaining": LIMIT - used, "reset": int(call.headers["X-RateLimit-Reset"]), "resource": "core"}
    return {"resources": {"core": core, "search": {**core, "limit": 30, "used": 0, "remaining": 30, "resource": "search"}}, "rate": core}


@route("GET", "/user/repos")
def my_repos(call: Call) -> Any:
    return call.page([call.views.repo(entry) for entry in call.hub.data["repos"].values()])


@route("GET", "/repos/{owner}/{name}")
def repo_one(call: Call, owner: str, name: str) -> Any:
    return call.views.repo(_repo(call, owner, name))


@route("GET", "/repos/{owner}/{name}/commits")
def commits(call: Call, owner: str, name: str) -> Any:
    repo, query = _repo(call, owner, name), call.request.query
    found = repo["commits"]
    if query.get("sha"):
        start = _commit(repo, query["sha"])
        found = [entry for entry in found if entry["at"] <= start["at"]]
    if query.get("author"):
        found = [entry for entry in found if entry["author"] == query["author"]]
    if query.get("path"):
        found = [entry for entry in found if any(file["filename"].startswith(query["path"]) for file in entry["files"])]
    since, until = query.get("since"), query.get("until")
    found = [entry for entry in found if (not since or entry["at"] >= seconds_of(since)) and (not until or entry["at"] <= seconds_of(until))]
    return [call.views.commit(repo, entry) for entry in call.page(found)]


@route("GET", "/repos/{owner}/{name}/commits/{ref}/check-runs")
def check_runs(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = _repo(call, owner, name)
    sha = _commit(repo, ref)["sha"]
    found = [call.views.check_run(repo, job, sha, run) for run in repo["runs"] if run["sha"] == sha
             for job in timeline.jobs(run, run["attempts"][-1], call.now)]
    return {"total_count": len(found), "check_runs": call.page(found)}


@route("GET", "/repos/{owner}/{name}/commits/{ref}/status")
def combined_status(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = _repo(call, owner, name)
    sha = _commit(repo, ref)["sha"]
    return {"state": "pending", "statuses": [], "sha": sha, "total_count": 0, "repository": call.views.repo(repo),
            "commit_url": f"{call.views.base(repo)}/commits/{sha}", "url": f"{call.views.base(repo)}/commits/{sha}/status"}


@route("GET", "/repos/{owner}/{name}/commits/{ref}/pulls")
def pulls_of_commit(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = _repo(call, owner, name)
    sha = _commit(repo, ref)["sha"]
    return call.page([call.views.pull(repo, entry) for entry in repo["pulls"] if entry["sha"] == sha])


@route("GET", "/repos/{owner}/{name}/commits/{ref*}")
def commit_one(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.commit(repo, _commit(repo, ref), True)


@route("GET", "/repos/{owner}/{name}/compare/{span*}")
def compare(call: Call, owner: str, name: str, span: str) -> Any:
    repo = _repo(call, owner, name)
    base, _, head = span.partition("...")
    old, new = _commit(repo, base), _commit(repo, head)
    between = [entry for entry in reversed(repo["commits"]) if old["at"] < entry["at"] <= new["at"]]
    files = [file for entry in between for file in call.views.commit(repo, entry, True)["files"]]
    return {"url": f"{call.views.base(repo)}/compare/{span}", "status": "ahead" if between else "identical", "ahead_by": len(between),
            "behind_by": 0, "total_commits": len(between), "base_commit": call.views.commit(repo, old),
            "merge_base_commit": call.views.commit(repo, old), "commits": [call.views.commit(repo, entry) for entry in between],
            "files": files, "html_url": f"{call.views.html(repo)}/compare/{span}"}


@route("GET", "/repos/{owner}/{name}/branches")
def branches(call: Call, owner: str, name: str) -> Any:
    repo = _repo(call, owner, name)
    return call.page([call.views.branch(repo, entry) for entry in sorted(repo["branches"])])


@route("GET", "/repos/{owner}/{name}/branches/{branch*}")
def branch_one(call: Call, owner: str, name: str, branch: str) -> Any:
    repo = _repo(call, owner, name)
    if branch not in repo["branches"]:
        raise GitHubError(404, "Branch not found", "https://docs.github.com/rest/branches/branches#get-a-branch")
    found = call.views.branch(repo, branch)
    return {**found, "commit": call.views.commit(repo, _commit(repo, branch)), "protection": {"enabled": False}, "_links": {}}


@route("GET", "/repos/{owner}/{name}/pulls")
def pulls(call: Call, owner: str, name: str) -> Any:
    repo, query = _repo(call, owner, name), call.request.query
    state, head = query.get("state", "open"), query.get("head", "").partition(":")[2]
    found = [entry for entry in repo["pulls"] if state == "all" or (state == "closed") == bool(entry["merged"])]
    return [call.views.pull(repo, entry) for entry in call.page([entry for entry in found if not head or entry["head"] == head])]


@route("GET", "/repos/{owner}/{name}/pulls/{number}")
def pull_one(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.pull(repo, _by(repo["pulls"], "number", number), True)


@route("GET", "/repos/{owner}/{name}/pulls/{number}/merge")
def pull_merged(call: Call, owner: str, name: str, number: str) -> Any:
    if not _by(_repo(call, owner, name)["pulls"], "number", number)["merged"]:
        raise GitHubError(404, "Not Found")
    return Response(204)


@route("GET", "/repos/{owner}/{name}/pulls/{number}/commits")
def pull_commits(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    return [call.views.commit(repo, _commit(repo, _by(repo["pulls"], "number", number)["sha"]))]


@route("GET", "/repos/{owner}/{name}/pulls/{number}/files")
def pull_files(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    commit = _commit(repo, _by(repo["pulls"], "number", number)["sha"])
    return call.page(call.views.commit(repo, commit, True)["files"])


@route("GET", "/repos/{owner}/{name}/releases")
def releases(call: Call, owner: str, name: str) -> Any:
    repo = _repo(call, owner, name)
    return [call.views.release(repo, entry) for entry in call.page(repo["releases"])]


@route("GET", "/repos/{owner}/{name}/releases/latest")
def release_latest(call: Call, owner: str, name: str) -> Any:
    repo = _repo(call, owner, name)
    if not repo["releases"]:
        raise GitHubError(404, "Not Found")
    return call.views.release(repo, repo["releases"][0])


@route("GET", "/repos/{owner}/{name}/environments")
def environments(call: Call, owner: str, name: str) -> Any:
    repo = _repo(call, owner, name)
    found = [call.views.environment(repo, entry) for entry in repo["environments"]]
    return {"total_count": len(found), "environments": call.page(found)}


@route("GET", "/repos/{owner}/{name}/deployments")
def deployments(call: Call, owner: str, name: str) -> Any:
    repo, query = _repo(call, owner, name), call.request.query
    found = [entry for entry in repo["deployments"] if all(not query.get(key) or entry[key] == query[key]
                                                           for key in ("environment", "sha", "ref"))]
    return [call.views.deployment(repo, entry) for entry in call.page(found)]


@route("POST", "/repos/{owner}/{name}/deployments")
def deployment_make(call: Call, owner: str, name: str) -> Any:
    repo, wish = _repo(call, owner, name), call.request.json()
    if not wish.get("ref"):
        raise GitHubError(422, "Invalid request.\n\n\"ref\" wasn't supplied.", errors=[
            {"resource": "Deployment", "field": "ref", "code": "missing_field"}])
    made = call.hub.add_deployment(repo, _commit(repo, wish["ref"]), wish.get("environment", "production"), call.login, call.now, [],
                                   payload=wish.get("payload"))
    return Response.of(call.views.deployment(repo, made), 201)


@route("GET", "/repos/{owner}/{name}/deployments/{number}")
def deployment_one(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.deployment(repo, _by(repo["deployments"], "id", number))


@route("GET", "/repos/{owner}/{name}/deployments/{number}/statuses")
def deployment_statuses(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    found = _by(repo["deployments"], "id", number)
    return call.page([call.views.deployment_status(repo, found, entry) for entry in found["statuses"] if entry["at"] <= call.now])


@route("POST", "/repos/{owner}/{name}/deployments/{number}/statuses")
def deployment_status_make(call: Call, owner: str, name: str, number: str) -> Any:
    repo, wish = _repo(call, owner, name), call.request.json()
    found = _by(repo["deployments"], "id", number)
    if wish.get("state") not in ("error", "failure", "inactive", "in_progress", "queued", "pending", "success"):
        raise GitHubError(422, "Validation Failed", errors=[{"resource": "DeploymentStatus", "field": "state", "code": "invalid"}])
    made = {"id": call.hub.next_id(), "state": wish["state"], "at": call.now, "description": wish.get("description", ""), "creator": call.login}
    found["statuses"].insert(0, made)
    return Response.of(call.views.deployment_status(repo, found, made), 201)


@route("GET", "/repos/{owner}/{name}/actions/workflows")
def workflows(call: Call, owner: str, name: str) -> Any:
    repo = _repo(call, owner, name)
    found = [call.views.workflow(repo, entry) for entry in repo["workflows"]]
    return {"total_count": len(found), "workflows": call.page(found)}


def _workflow(repo: Record, name: str) -> Record:
    found = next((entry for entry in repo["workflows"] if name in (str(entry["id"]), entry["path"].rpartition("/")[2])), None)
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


@route("GET", "/repos/{owner}/{name}/actions/workflows/{workflow}")
def workflow_one(call: Call, owner: str, name: str, workflow: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.workflow(repo, _workflow(repo, workflow))


def _created_test(text: str) -> Any:
    """`2024-01-01`, `>=…`, `<…`, `a..b`, as GitHub's search syntax has it."""
    def bound(value: str, end: bool) -> float:
        return seconds_of(value) + (86399.999 if end and "T" not in value else 0)
    try:
        if ".." in text:
            low, high = text.split("..")
            return lambda at: (low == "*" or int(at) >= bound(low, False)) and (high == "*" or int(at) <= bound(high, True))
        for sign, test in ((">=", lambda at, v: int(at) >= bound(v, False)), ("<=", lambda at, v: int(at) <= bound(v, True)),
                           (">", lambda at, v: int(at) > bound(v, True)), ("<", lambda at, v: int(at) < bound(v, False))):
            if text.startswith(sign):
                bound(text[len(sign):], False)
                return lambda at, test=test, value=text[len(sign):]: test(at, value)
        bound(text, False)
        return lambda at: bound(text, False) <= int(at) <= bound(text, True)
    except ValueError:
        raise GitHubError(422, "Validation Failed", errors=[{"resource": "Search", "field": "created", "code": "invalid"}]) from None


@route("GET", "/repos/{owner}/{name}/actions/workflows/{workflow}/runs")
@route("GET", "/repos/{owner}/{name}/actions/runs")
def runs(call: Call, owner: str, name: str, workflow: str = "") -> Any:
    repo, query = _repo(call, owner, name), call.request.query
    found = [entry for entry in repo["runs"] if not workflow or entry["workflow"] == _workflow(repo, workflow)["id"]]
    for key, field in (("branch", "branch"), ("event", "event"), ("head_sha", "sha"), ("actor", "actor")):
        if query.get(key):
            found = [entry for entry in found if entry[field] == query[key]]
    if query.get("status"):
        found = [entry for entry in found if query["status"] in timeline.state(entry, call.now)[:2]]
    if query.get("created"):
        test = _created_test(query["created"].replace(" ", "+"))
        found = [entry for entry in found if test(entry["created"])]
    return {"total_count": len(found), "workflow_runs": [call.views.run(repo, entry) for entry in call.page(found)]}


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}")
def run_one(call: Call, owner: str, name: str, run: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.run(repo, _by(repo["runs"], "id", run))


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/attempts/{number}")
def run_attempt(call: Call, owner: str, name: str, run: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    found = _by(repo["runs"], "id", run)
    return call.views.run(repo, found, _by(found["attempts"], "number", number))


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/attempts/{number}/jobs")
@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/jobs")
def run_jobs(call: Call, owner: str, name: str, run: str, number: str = "") -> Any:
    repo = _repo(call, owner, name)
    found = _by(repo["runs"], "id", run)
    attempts = [_by(found["attempts"], "number", number)] if number else found["attempts"][-1:]
    if call.request.query.get("filter") == "all":
        attempts = found["attempts"]
    jobs = [call.views.job(repo, found, attempt, job) for attempt in attempts for job in timeline.jobs(found, attempt, call.now)]
    return {"total_count": len(jobs), "jobs": call.page(jobs)}


def _job(repo: Record, number: str, now: float) -> tuple[Record, Record, Record]:
    for run in repo["runs"]:
        for attempt in reversed(run["attempts"]):
            for job in timeline.jobs(run, attempt, now):
                if str(job["id"]) == number:
                    return run, attempt, job
    raise GitHubError(404, "Not Found")


@route("GET", "/repos/{owner}/{name}/actions/jobs/{number}")
def job_one(call: Call, owner: str, name: str, number: str) -> Any:
    repo = _repo(call, owner, name)
    return call.views.job(repo, *_job(repo, number, call.now))


def _log_text(job: Record) -> str:
    lines = []
    for step in job["steps"]:
        if step["conclusion"] in (None, "skipped"):
            continue
        texts = [f"##[group]{step['name']}", "##[endgroup]", *step["log"]]
        if step["conclusion"] == "failure":
            texts.append("##[error]Process completed with exit code 1.")
        if step["conclusion"] == "cancelled":
            texts.append("##[error]The operation was canceled.")
        length = (step["ended"] - step["started"]) / max(1, len(texts))
        lines += [f"{stamp_precise(step['started'] + length * index, 7)} {text}" for index, text in enumerate(texts)]
    return "\ufeff" + "\n".join(lines) + "\n"


def _moved(call: Call, path: str) -> Response:
    """GitHub answers with a short-lived address that needs no token; so do we, on the same host."""
    return Response(302, b"", {"Location": f"{call.request.base}{path}?sig={call.now:.0f}", "Content-Type": "text/html;charset=utf-8"})


@route("GET", "/repos/{owner}/{name}/actions/jobs/{number}/logs")
def job_logs(call: Call, owner: str, name: str, number: str) -> Any:
    _, _, job = _job(_repo(call, owner, name), number, call.now)
    if job["status"] != "completed":
        raise GitHubError(404, "Not Found")
    return _moved(call, f"/_logs/{owner}/{name}/jobs/{number}")


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/logs")
def run_logs(call: Call, owner: str, name: str, run: str) -> Any:
    if timeline.state(_by(_repo(call, owner, name)["runs"], "id", run), call.now)[0] != "completed":
        raise GitHubError(404, "Not Found")
    return _moved(call, f"/_logs/{owner}/{name}/runs/{run}")


@route("GET", "/_logs/{owner}/{name}/jobs/{number}")
def job_log_text(call: Call, owner: str, name: str, number: str) -> Any:
    _, _, job = _job(_repo(call, owner, name), number, call.now)
    return Response(200, _log_text(job).encode(), {"Content-Type": "text/plain; charset=utf-8"})


@route("GET", "/_logs/{owner}/{name}/runs/{run}")
def run_log_archive(call: Call, owner: str, name: str, run: str) -> Any:
    found, pack = _by(_repo(call, owner, name)["runs"], "id", run), io.BytesIO()
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, job in enumerate(timeline.jobs(found, found["attempts"][-1], call.now)):
            archive.writestr(f"{index}_{job['name'].replace('/', '_')}.txt", _log_text(job))
    return Response(200, pack.getvalue(), {"Content-Type": "application/zip"})


def _rerun(call: Call, owner: str, name: str, run: str, only_failed: bool) -> Any:
    found = _by(_repo(call, owner, name)["runs"], "id", run)
    status, conclusion, _ = timeline.state(found, call.now)
    if status != "completed":
        raise GitHubError(403, "This workflow is already running", "https://docs.github.com/rest/actions/workflow-runs#re-run-a-workflow")
    if only_failed and conclusion == "success":
        raise GitHubError(403, "The workflow run containing this job has no failed jobs to re-run")
    call.world.plan_rollout(found, call.hub.rerun(found, only_failed, call.now, call.login))
    return Response.of({}, 201)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/rerun")
def rerun(call: Call, owner: str, name: str, run: str) -> Any:
    return _rerun(call, owner, name, run, False)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/rerun-failed-jobs")
def rerun_failed(call: Call, owner: str, name: str, run: str) -> Any:
    return _rerun(call, owner, name, run, True)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/cancel")
def cancel(call: Call, owner: str, name: str, run: str) -> Any:
    found = _by(_repo(call, owner, name)["runs"], "id", run)
    if timeline.state(found, call.now)[0] == "completed":
        raise GitHubError(409, "Cannot cancel a workflow run that is completed.",
                          "https://docs.github.com/rest/actions/workflow-runs#cancel-a-workflow-run")
    found["attempts"][-1]["cancelled"] = call.now
    call.world.forget_rollout(found)
    return Response.of({}, 202)
