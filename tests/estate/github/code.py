"""Routes about people, repositories, commits, branches, pull requests and releases."""

from __future__ import annotations

from typing import Any

from ..clock import seconds_of
from ..web import Response
from . import timeline
from .api import LIMIT, Call, GitHubError
from .table import by, commit_of, repo_of, route


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
    return call.views.repo(repo_of(call, owner, name))


@route("GET", "/repos/{owner}/{name}/commits")
def commits(call: Call, owner: str, name: str) -> Any:
    repo, query = repo_of(call, owner, name), call.request.query
    start = commit_of(repo, query.get("sha") or repo["default_branch"])
    line = {repo["default_branch"], start["branch"]}
    found = [entry for entry in repo["commits"] if entry["branch"] in line and entry["at"] <= start["at"]]
    if query.get("author"):
        found = [entry for entry in found if entry["author"] == query["author"]]
    if query.get("path"):
        found = [entry for entry in found if any(file["filename"].startswith(query["path"]) for file in entry["files"])]
    since, until = query.get("since"), query.get("until")
    low, high = seconds_of(since) if since else 0.0, seconds_of(until) if until else call.now
    found = [entry for entry in found if low <= entry["at"] <= high]
    return [call.views.commit(repo, entry) for entry in call.page(found)]


@route("GET", "/repos/{owner}/{name}/commits/{ref}/check-runs")
def check_runs(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = repo_of(call, owner, name)
    sha = commit_of(repo, ref)["sha"]
    found = [call.views.check_run(repo, job, sha, run) for run in repo["runs"] if run["sha"] == sha
             for job in timeline.jobs(run, run["attempts"][-1], call.now)]
    return {"total_count": len(found), "check_runs": call.page(found)}


@route("GET", "/repos/{owner}/{name}/commits/{ref}/status")
def combined_status(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = repo_of(call, owner, name)
    sha = commit_of(repo, ref)["sha"]
    return {"state": "pending", "statuses": [], "sha": sha, "total_count": 0, "repository": call.views.repo(repo),
            "commit_url": f"{call.views.base(repo)}/commits/{sha}", "url": f"{call.views.base(repo)}/commits/{sha}/status"}


@route("GET", "/repos/{owner}/{name}/commits/{ref}/pulls")
def pulls_ofcommit_of(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = repo_of(call, owner, name)
    sha = commit_of(repo, ref)["sha"]
    return call.page([call.views.pull(repo, entry) for entry in repo["pulls"] if entry["sha"] == sha])


@route("GET", "/repos/{owner}/{name}/commits/{ref*}")
def commit_one(call: Call, owner: str, name: str, ref: str) -> Any:
    repo = repo_of(call, owner, name)
    return call.views.commit(repo, commit_of(repo, ref), True)


@route("GET", "/repos/{owner}/{name}/compare/{span*}")
def compare(call: Call, owner: str, name: str, span: str) -> Any:
    repo = repo_of(call, owner, name)
    base, _, head = span.partition("...")
    old, new = commit_of(repo, base), commit_of(repo, head)
    between = [entry for entry in reversed(repo["commits"]) if old["at"] < entry["at"] <= new["at"]]
    files = [file for entry in between for file in call.views.commit(repo, entry, True)["files"]]
    return {"url": f"{call.views.base(repo)}/compare/{span}", "status": "ahead" if between else "identical", "ahead_by": len(between),
            "behind_by": 0, "total_commits": len(between), "base_commit": call.views.commit(repo, old),
            "merge_base_commit": call.views.commit(repo, old), "commits": [call.views.commit(repo, entry) for entry in between],
            "files": files, "html_url": f"{call.views.html(repo)}/compare/{span}"}


@route("GET", "/repos/{owner}/{name}/branches")
def branches(call: Call, owner: str, name: str) -> Any:
    repo = repo_of(call, owner, name)
    return call.page([call.views.branch(repo, entry) for entry in sorted(repo["branches"])])


@route("GET", "/repos/{owner}/{name}/branches/{branch*}")
def branch_one(call: Call, owner: str, name: str, branch: str) -> Any:
    repo = repo_of(call, owner, name)
    if branch not in repo["branches"]:
        raise GitHubError(404, "Branch not found", "https://docs.github.com/rest/branches/branches#get-a-branch")
    found = call.views.branch(repo, branch)
    return {**found, "commit": call.views.commit(repo, commit_of(repo, branch)), "protection": {"enabled": False}, "_links": {}}


@route("GET", "/repos/{owner}/{name}/pulls")
def pulls(call: Call, owner: str, name: str) -> Any:
    repo, query = repo_of(call, owner, name), call.request.query
    state, head = query.get("state", "open"), query.get("head", "").partition(":")[2]
    found = [entry for entry in repo["pulls"] if state == "all" or (state == "closed") == bool(entry["merged"])]
    return [call.views.pull(repo, entry) for entry in call.page([entry for entry in found if not head or entry["head"] == head])]


@route("GET", "/repos/{owner}/{name}/pulls/{number}")
def pull_one(call: Call, owner: str, name: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    return call.views.pull(repo, by(repo["pulls"], "number", number), True)


@route("GET", "/repos/{owner}/{name}/pulls/{number}/merge")
def pull_merged(call: Call, owner: str, name: str, number: str) -> Any:
    if not by(repo_of(call, owner, name)["pulls"], "number", number)["merged"]:
        raise GitHubError(404, "Not Found")
    return Response(204)


@route("GET", "/repos/{owner}/{name}/pulls/{number}/commits")
def pull_commits(call: Call, owner: str, name: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    return [call.views.commit(repo, commit_of(repo, by(repo["pulls"], "number", number)["sha"]))]


@route("GET", "/repos/{owner}/{name}/pulls/{number}/files")
def pull_files(call: Call, owner: str, name: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    commit = commit_of(repo, by(repo["pulls"], "number", number)["sha"])
    return call.page(call.views.commit(repo, commit, True)["files"])


@route("GET", "/repos/{owner}/{name}/releases")
def releases(call: Call, owner: str, name: str) -> Any:
    repo = repo_of(call, owner, name)
    return [call.views.release(repo, entry) for entry in call.page(repo["releases"])]


@route("GET", "/repos/{owner}/{name}/releases/latest")
def release_latest(call: Call, owner: str, name: str) -> Any:
    repo = repo_of(call, owner, name)
    if not repo["releases"]:
        raise GitHubError(404, "Not Found")
    return call.views.release(repo, repo["releases"][0])
