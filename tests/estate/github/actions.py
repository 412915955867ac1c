"""Routes about workflows, their runs, jobs and logs; and to run again, or to cancel."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ..clock import seconds_of, stamp_precise
from ..web import Response
from . import timeline
from .api import Call, GitHubError
from .model import Record
from .table import by, repo_of, route


@route("GET", "/repos/{owner}/{name}/actions/workflows")
def workflows(call: Call, owner: str, name: str) -> Any:
    repo = repo_of(call, owner, name)
    found = [call.views.workflow(repo, entry) for entry in repo["workflows"]]
    return {"total_count": len(found), "workflows": call.page(found)}


def _workflow(repo: Record, name: str) -> Record:
    found = next((entry for entry in repo["workflows"] if name in (str(entry["id"]), entry["path"].rpartition("/")[2])), None)
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


@route("GET", "/repos/{owner}/{name}/actions/workflows/{workflow}")
def workflow_one(call: Call, owner: str, name: str, workflow: str) -> Any:
    repo = repo_of(call, owner, name)
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
    repo, query = repo_of(call, owner, name), call.request.query
    found = [entry for entry in repo["runs"] if not workflow or entry["workflow"] == _workflow(repo, workflow)["id"]]
    for key, field in (("branch", "branch"), ("event", "event"), ("head_sha", "sha"), ("actor", "actor")):
        if query.get(key):
            found = [entry for entry in found if entry[field] == query[key]]
    if query.get("status"):
        found = [entry for entry in found if query["status"] in timeline.state(entry, call.now)[:2]]
    if query.get("created"):
        test = _created_test(query["created"].replace(" ", "+"))
        found = [entry for entry in found if test(entry["created"])]
    found = sorted(found, key=lambda entry: entry["created"], reverse=True)
    return {"total_count": len(found), "workflow_runs": [call.views.run(repo, entry) for entry in call.page(found)]}


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}")
def run_one(call: Call, owner: str, name: str, run: str) -> Any:
    repo = repo_of(call, owner, name)
    return call.views.run(repo, by(repo["runs"], "id", run))


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/attempts/{number}")
def run_attempt(call: Call, owner: str, name: str, run: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    found = by(repo["runs"], "id", run)
    return call.views.run(repo, found, by(found["attempts"], "number", number))


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/attempts/{number}/jobs")
@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/jobs")
def run_jobs(call: Call, owner: str, name: str, run: str, number: str = "") -> Any:
    repo = repo_of(call, owner, name)
    found = by(repo["runs"], "id", run)
    attempts = [by(found["attempts"], "number", number)] if number else found["attempts"][-1:]
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
    repo = repo_of(call, owner, name)
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
    _, _, job = _job(repo_of(call, owner, name), number, call.now)
    if job["status"] != "completed":
        raise GitHubError(404, "Not Found")
    return _moved(call, f"/_logs/{owner}/{name}/jobs/{number}")


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}/logs")
def run_logs(call: Call, owner: str, name: str, run: str) -> Any:
    if timeline.state(by(repo_of(call, owner, name)["runs"], "id", run), call.now)[0] != "completed":
        raise GitHubError(404, "Not Found")
    return _moved(call, f"/_logs/{owner}/{name}/runs/{run}")


@route("GET", "/_logs/{owner}/{name}/jobs/{number}")
def job_log_text(call: Call, owner: str, name: str, number: str) -> Any:
    _, _, job = _job(repo_of(call, owner, name), number, call.now)
    return Response(200, _log_text(job).encode(), {"Content-Type": "text/plain; charset=utf-8"})


@route("GET", "/_logs/{owner}/{name}/runs/{run}")
def run_log_archive(call: Call, owner: str, name: str, run: str) -> Any:
    found, pack = by(repo_of(call, owner, name)["runs"], "id", run), io.BytesIO()
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, job in enumerate(timeline.jobs(found, found["attempts"][-1], call.now)):
            archive.writestr(f"{index}_{job['name'].replace('/', '_')}.txt", _log_text(job))
    return Response(200, pack.getvalue(), {"Content-Type": "application/zip"})


def _rerun(call: Call, owner: str, name: str, run: str, only_failed: bool) -> Any:
    repo = repo_of(call, owner, name)
    found = by(repo["runs"], "id", run)
    status, conclusion, _ = timeline.state(found, call.now)
    if status != "completed":
        raise GitHubError(403, "This workflow is already running", "https://docs.github.com/rest/actions/workflow-runs#re-run-a-workflow")
    if only_failed and conclusion == "success":
        raise GitHubError(403, "The workflow run containing this job has no failed jobs to re-run")
    call.world.plan_rollout(repo, found, call.hub.rerun(found, only_failed, call.now, call.login))
    return Response.of({}, 201)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/rerun")
def rerun(call: Call, owner: str, name: str, run: str) -> Any:
    return _rerun(call, owner, name, run, False)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/rerun-failed-jobs")
def rerun_failed(call: Call, owner: str, name: str, run: str) -> Any:
    return _rerun(call, owner, name, run, True)


@route("POST", "/repos/{owner}/{name}/actions/runs/{run}/cancel")
def cancel(call: Call, owner: str, name: str, run: str) -> Any:
    repo = repo_of(call, owner, name)
    found = by(repo["runs"], "id", run)
    if timeline.state(found, call.now)[0] == "completed":
        raise GitHubError(409, "Cannot cancel a workflow run that is completed.",
                          "https://docs.github.com/rest/actions/workflow-runs#cancel-a-workflow-run")
    found["attempts"][-1]["cancelled"] = call.now
    call.world.forget_rollout(repo, found)
    return Response.of({}, 202)
