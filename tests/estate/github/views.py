"""The JSON shapes of api.github.com. `root` is the address of the API as the client sees it, with or without /api/v3."""

from __future__ import annotations

from typing import Any

from ..clock import stamp
from . import timeline
from .model import Hub, Record, sha_of


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else stamp(seconds)


class Views:
    """Shapes for one request."""

    def __init__(self, hub: Hub, root: str, now: float) -> None:
        self._hub, self._root, self._now = hub, root, now
        self._web = root.removesuffix("/api/v3")

    def user(self, login: str | None) -> Record | None:
        """A simple user."""
        if login is None:
            return None
        found = self._hub.user(login)
        api = f"{self._root}/users/{login}"
        return {"login": login, "id": found["id"], "node_id": f"U_{found['id']}", "avatar_url": f"{self._web}/avatars/{login}",
                "gravatar_id": "", "url": api, "html_url": f"{self._web}/{login}", "repos_url": f"{api}/repos", "type": found["type"],
                "site_admin": False}

    def me(self, login: str) -> Record:
        """`/user`."""
        found = self._hub.user(login)
        return {**(self.user(login) or {}), "name": found["name"], "email": found["email"], "company": None, "public_repos": 1,
                "followers": 0, "following": 0, "created_at": "2019-03-01T09:00:00Z", "updated_at": "2025-01-01T09:00:00Z"}

    def base(self, repo: Record) -> str:
        """A repository's API address."""
        return f"{self._root}/repos/{repo['owner']}/{repo['name']}"

    def html(self, repo: Record) -> str:
        """A repository's page."""
        return f"{self._web}/{repo['owner']}/{repo['name']}"

    def repo(self, repo: Record) -> Record:
        """A repository."""
        pushed = max((entry["at"] for entry in repo["commits"]), default=repo["created"])
        base = self.base(repo)
        return {"id": repo["id"], "node_id": f"R_{repo['id']}", "name": repo["name"], "full_name": f"{repo['owner']}/{repo['name']}",
                "private": True, "owner": self.user(repo["owner"]), "html_url": self.html(repo), "description": repo["description"],
                "fork": False, "url": base, "commits_url": base + "/commits{/sha}", "branches_url": base + "/branches{/branch}",
                "default_branch": repo["default_branch"], "visibility": "private", "archived": False, "disabled": False,
                "open_issues_count": 0, "language": "Go", "created_at": _time(repo["created"]), "updated_at": _time(pushed),
                "pushed_at": _time(pushed), "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}}

    def commit(self, repo: Record, commit: Record, with_files: bool = False) -> Record:
        """A commit; single ones come with their files."""
        person = self._hub.user(commit["author"])
        who = {"name": person["name"], "email": person["email"], "date": _time(commit["at"])}
        base = self.base(repo)
        found = {"sha": commit["sha"], "node_id": f"C_{commit['sha'][:12]}", "url": f"{base}/commits/{commit['sha']}",
                 "html_url": f"{self.html(repo)}/commit/{commit['sha']}", "comments_url": f"{base}/commits/{commit['sha']}/comments",
                 "commit": {"author": who, "committer": who, "message": commit["message"], "comment_count": 0,
                            "tree": {"sha": sha_of("tree", commit["sha"]), "url": f"{base}/git/trees/{sha_of('tree', commit['sha'])}"},
                            "url": f"{base}/git/commits/{commit['sha']}",
                            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None}},
                 "author": self.user(commit["author"]), "committer": self.user(commit["author"]),
                 "parents": [{"sha": sha, "url": f"{base}/commits/{sha}", "html_url": f"{self.html(repo)}/commit/{sha}"}
                             for sha in commit["parents"]]}
        if with_files:
            files = [{"sha": sha_of(entry["filename"], commit["sha"]), "status": "modified",
                      "changes": entry["additions"] + entry["deletions"],
                      "blob_url": f"{self.html(repo)}/blob/{commit['sha']}/{entry['filename']}",
                      "raw_url": f"{self.html(repo)}/raw/{commit['sha']}/{entry['filename']}",
                      "contents_url": f"{base}/contents/{entry['filename']}?ref={commit['sha']}", **entry} for entry in commit["files"]]
            plus, minus = (sum(entry[key] for entry in commit["files"]) for key in ("additions", "deletions"))
            found.update(stats={"total": plus + minus, "additions": plus, "deletions": minus}, files=files)
        return found

    def branch(self, repo: Record, name: str) -> Record:
        """A branch of the list."""
        sha = repo["branches"][name]
        return {"name": name, "commit": {"sha": sha, "url": f"{self.base(repo)}/commits/{sha}"},
                "protected": name == repo["default_branch"]}

    def workflow(self, repo: Record, found: Record) -> Record:
        """A workflow."""
        return {"id": found["id"], "node_id": f"W_{found['id']}", "name": found["name"], "path": found["path"], "state": "active",
                "created_at": _time(found["created"]), "updated_at": _time(found["created"]),
                "url": f"{self.base(repo)}/actions/workflows/{found['id']}",
                "html_url": f"{self.html(repo)}/blob/main/{found['path']}",
                "badge_url": f"{self.html(repo)}/workflows/{found['name']}/badge.svg"}

    def run(self, repo: Record, run: Record, attempt: Record | None = None) -> Record:
        """A workflow run, as its latest (or the given) attempt has it."""
        attempt = attempt or run["attempts"][-1]
        status, conclusion, updated = timeline.state(run, self._now, attempt)
        workflow = next(entry for entry in repo["workflows"] if entry["id"] == run["workflow"])
        commit = next(entry for entry in repo["commits"] if entry["sha"] == run["sha"])
        person, base = self._hub.user(commit["author"]), f"{self.base(repo)}/actions/runs/{run['id']}"
        pulls = [entry for entry in repo["pulls"] if entry["head"] == run["branch"]]
        who = {"name": person["name"], "email": person["email"]}
        return {"id": run["id"], "name": workflow["name"], "node_id": f"WFR_{run['id']}", "head_branch": run["branch"],
                "head_sha": run["sha"], "path": workflow["path"], "display_title": run["title"], "run_number": run["number"],
                "event": run["event"], "status": status, "conclusion": conclusion, "workflow_id": workflow["id"],
                "check_suite_id": run["id"] + 5, "check_suite_node_id": f"CS_{run['id'] + 5}", "url": base,
                "html_url": f"{self.html(repo)}/actions/runs/{run['id']}",
                "pull_requests": [{"id": entry["id"], "number": entry["number"], "url": f"{self.base(repo)}/pulls/{entry['number']}",
                                   "head": {"ref": entry["head"], "sha": entry["sha"], "repo": self._short(repo)},
                                   "base": {"ref": "main", "sha": run["sha"], "repo": self._short(repo)}} for entry in pulls],
                "created_at": _time(run["created"]), "updated_at": _time(updated), "run_started_at": _time(attempt["started"]),
                "actor": self.user(run["actor"]), "triggering_actor": self.user(attempt["actor"]), "run_attempt": attempt["number"],
                "referenced_workflows": [],
                "previous_attempt_url": f"{base}/attempts/{attempt['number'] - 1}" if attempt["number"] > 1 else None,
                "jobs_url": f"{base}/jobs", "logs_url": f"{base}/logs",
                "check_suite_url": f"{self.base(repo)}/check-suites/{run['id'] + 5}",
                "artifacts_url": f"{base}/artifacts", "cancel_url": f"{base}/cancel", "rerun_url": f"{base}/rerun",
                "workflow_url": f"{self.base(repo)}/actions/workflows/{workflow['id']}",
                "head_commit": {"id": run["sha"], "tree_id": sha_of("tree", run["sha"]), "message": commit["message"],
                                "timestamp": _time(commit["at"]), "author": who, "committer": who},
                "repository": self.repo(repo), "head_repository": self.repo(repo)}

    def _short(self, repo: Record) -> Record:
        return {"id": repo["id"], "name": repo["name"], "url": self.base(repo)}

    def job(self, repo: Record, run: Record, attempt: Record, job: Record) -> Record:
        """A job with its steps."""
        base = self.base(repo)
        workflow = next(entry for entry in repo["workflows"] if entry["id"] == run["workflow"])
        return {"id": job["id"], "run_id": run["id"], "run_url": f"{base}/actions/runs/{run['id']}", "run_attempt": attempt["number"],
                "node_id": f"CR_{job['id']}", "head_sha": run["sha"], "head_branch": run["branch"], "workflow_name": workflow["name"],
                "url": f"{base}/actions/jobs/{job['id']}", "html_url": f"{self.html(repo)}/actions/runs/{run['id']}/job/{job['id']}",
                "status": job["status"], "conclusion": job["conclusion"], "created_at": _time(attempt["started"]),
                "started_at": _time(job["started"] or attempt["started"]),
                "completed_at": _time(job["ended"]) if job["conclusion"] else None, "name": job["name"],
                "check_run_url": f"{base}/check-runs/{job['id']}", "labels": ["ubuntu-latest"], "runner_id": 4,
                "runner_name": "GitHub Actions 4", "runner_group_id": 2, "runner_group_name": "GitHub Actions",
                "steps": [{"name": entry["name"], "status": entry["status"], "conclusion": entry["conclusion"], "number": entry["number"],
                           "started_at": _time(entry["started"]), "completed_at": _time(entry["ended"])} for entry in job["steps"]]}

    def check_run(self, repo: Record, job: Record, sha: str, run: Record) -> Record:
        """A job, seen as a check run."""
        return {"id": job["id"], "name": job["name"], "node_id": f"CR_{job['id']}", "head_sha": sha, "external_id": str(job["id"]),
                "url": f"{self.base(repo)}/check-runs/{job['id']}",
                "html_url": f"{self.html(repo)}/actions/runs/{run['id']}/job/{job['id']}",
                "details_url": f"{self.html(repo)}/actions/runs/{run['id']}/job/{job['id']}", "status": job["status"],
                "conclusion": job["conclusion"], "started_at": _time(job["started"]), "completed_at": _time(job["ended"]),
                "output": {"title": None, "summary": None, "text": None, "annotations_count": 0,
                           "annotations_url": f"{self.base(repo)}/check-runs/{job['id']}/annotations"},
                "check_suite": {"id": run["id"] + 5}, "pull_requests": [],
                "app": {"id": 15368, "slug": "github-actions", "node_id": "A_15368", "name": "GitHub Actions",
                        "owner": self.user("github"), "description": "Automate your workflow", "external_url": "https://help.github.com",
                        "html_url": f"{self._web}/apps/github-actions", "created_at": "2018-07-30T09:30:17Z",
                        "updated_at": "2024-01-30T09:30:17Z", "permissions": {}, "events": []}}

    def deployment(self, repo: Record, found: Record) -> Record:
        """A deployment."""
        url = f"{self.base(repo)}/deployments/{found['id']}"
        updated = max((entry["at"] for entry in found["statuses"] if entry["at"] <= self._now), default=found["created"])
        return {"url": url, "id": found["id"], "node_id": f"DE_{found['id']}", "sha": found["sha"], "ref": found["ref"], "task": "deploy",
                "payload": found["payload"], "original_environment": found["environment"], "environment": found["environment"],
                "description": None, "creator": self.user(found["creator"]), "created_at": _time(found["created"]),
                "updated_at": _time(updated), "statuses_url": url + "/statuses", "repository_url": self.base(repo),
                "transient_environment": False, "production_environment": found["environment"] == "production"}

    def deployment_status(self, repo: Record, deployment: Record, found: Record) -> Record:
        """A deployment's status."""
        url = f"{self.base(repo)}/deployments/{deployment['id']}"
        log = f"{self.html(repo)}/actions/runs/{deployment['run']}" if deployment["run"] else ""
        return {"url": f"{url}/statuses/{found['id']}", "id": found["id"], "node_id": f"DES_{found['id']}", "state": found["state"],
                "creator": self.user(found["creator"]), "description": found["description"], "environment": deployment["environment"],
                "target_url": log, "created_at": _time(found["at"]), "updated_at": _time(found["at"]), "deployment_url": url,
                "repository_url": self.base(repo), "environment_url": "", "log_url": log}

    def environment(self, repo: Record, found: Record) -> Record:
        """An environment."""
        return {"id": found["id"], "node_id": f"EN_{found['id']}", "name": found["name"],
                "url": f"{self.base(repo)}/environments/{found['name']}", "html_url": f"{self.html(repo)}/deployments/activity_log",
                "created_at": _time(found["created"]), "updated_at": _time(found["created"]), "protection_rules": [],
                "deployment_branch_policy": None}

    def pull(self, repo: Record, found: Record, single: bool = False) -> Record:
        """A pull request."""
        base, merged = self.base(repo), found["merged"]
        url = f"{base}/pulls/{found['number']}"
        shape: dict[str, Any] = {
            "url": url, "id": found["id"], "node_id": f"PR_{found['id']}", "number": found["number"], "title": found["title"],
            "html_url": f"{self.html(repo)}/pull/{found['number']}", "issue_url": f"{base}/issues/{found['number']}",
            "commits_url": f"{url}/commits", "state": "closed" if merged else "open", "locked": False, "draft": False,
            "user": self.user(found["author"]), "body": found["body"], "labels": [], "assignees": [], "assignee": None, "milestone": None,
            "requested_reviewers": [], "requested_teams": [], "created_at": _time(found["created"]),
            "updated_at": _time(merged or found["created"]), "closed_at": _time(merged), "merged_at": _time(merged),
            "merge_commit_sha": found["sha"] if merged else None, "author_association": "MEMBER", "auto_merge": None,
            "head": {"label": f"{repo['owner']}:{found['head']}", "ref": found["head"], "sha": sha_of("head", found["sha"]),
                     "user": self.user(repo["owner"]), "repo": self.repo(repo)},
            "base": {"label": f"{repo['owner']}:main", "ref": "main", "sha": repo["branches"]["main"], "user": self.user(repo["owner"]),
                     "repo": self.repo(repo)}}
        if single:
            commit = next(entry for entry in repo["commits"] if entry["sha"] == found["sha"])
            plus, minus = (sum(entry[key] for entry in commit["files"]) for key in ("additions", "deletions"))
            shape.update(merged=bool(merged), mergeable=None if merged else True, merged_by=self.user(found["merged_by"]), comments=0,
                         review_comments=0, commits=1, additions=plus, deletions=minus, changed_files=len(commit["files"]),
                         maintainer_can_modify=False, mergeable_state="unknown" if merged else "clean", rebaseable=None)
        return shape

    def release(self, repo: Record, found: Record) -> Record:
        """A release."""
        url = f"{self.base(repo)}/releases/{found['id']}"
        return {"url": url, "id": found["id"], "node_id": f"RE_{found['id']}", "tag_name": found["tag"], "name": found["tag"],
                "target_commitish": "main", "html_url": f"{self.html(repo)}/releases/tag/{found['tag']}", "assets_url": url + "/assets",
                "upload_url": url + "/assets{?name,label}", "draft": False, "prerelease": False, "created_at": _time(found["at"]),
                "published_at": _time(found["at"]), "author": self.user(found["author"]), "assets": [], "body": found["body"],
                "tarball_url": None, "zipball_url": None}
