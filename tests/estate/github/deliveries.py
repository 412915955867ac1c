"""Routes about environments, deployments and their statuses."""

from __future__ import annotations

from typing import Any

from ..web import Response
from .api import Call, GitHubError
from .table import by, commit_of, repo_of, route


@route("GET", "/repos/{owner}/{name}/environments")
def environments(call: Call, owner: str, name: str) -> Any:
    repo = repo_of(call, owner, name)
    found = [call.views.environment(repo, entry) for entry in repo["environments"]]
    return {"total_count": len(found), "environments": call.page(found)}


@route("GET", "/repos/{owner}/{name}/deployments")
def deployments(call: Call, owner: str, name: str) -> Any:
    repo, query = repo_of(call, owner, name), call.request.query
    found = [entry for entry in repo["deployments"] if entry["created"] <= call.now
             and all(not query.get(key) or entry[key] == query[key] for key in ("environment", "sha", "ref"))]
    found.sort(key=lambda entry: entry["created"], reverse=True)
    return [call.views.deployment(repo, entry) for entry in call.page(found)]


@route("POST", "/repos/{owner}/{name}/deployments")
def deployment_make(call: Call, owner: str, name: str) -> Any:
    repo, wish = repo_of(call, owner, name), call.request.json()
    if not wish.get("ref"):
        raise GitHubError(422, "Invalid request.\n\n\"ref\" wasn't supplied.", errors=[
            {"resource": "Deployment", "field": "ref", "code": "missing_field"}])
    made = call.hub.add_deployment(repo, commit_of(repo, wish["ref"]), wish.get("environment", "production"), call.login, call.now, [],
                                   payload=wish.get("payload"))
    return Response.of(call.views.deployment(repo, made), 201)


@route("GET", "/repos/{owner}/{name}/deployments/{number}")
def deployment_one(call: Call, owner: str, name: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    return call.views.deployment(repo, by(repo["deployments"], "id", number))


@route("GET", "/repos/{owner}/{name}/deployments/{number}/statuses")
def deployment_statuses(call: Call, owner: str, name: str, number: str) -> Any:
    repo = repo_of(call, owner, name)
    found = by(repo["deployments"], "id", number)
    return call.page([call.views.deployment_status(repo, found, entry) for entry in found["statuses"] if entry["at"] <= call.now])


@route("POST", "/repos/{owner}/{name}/deployments/{number}/statuses")
def deployment_status_make(call: Call, owner: str, name: str, number: str) -> Any:
    repo, wish = repo_of(call, owner, name), call.request.json()
    found = by(repo["deployments"], "id", number)
    if wish.get("state") not in ("error", "failure", "inactive", "in_progress", "queued", "pending", "success"):
        raise GitHubError(422, "Validation Failed", errors=[{"resource": "DeploymentStatus", "field": "state", "code": "invalid"}])
    made = {"id": call.hub.next_id(), "state": wish["state"], "at": call.now, "description": wish.get("description", ""),
            "creator": call.login}
    found["statuses"].insert(0, made)
    return Response.of(call.views.deployment_status(repo, found, made), 201)
