"""Repositories as plain dictionaries, so that they persist as they are. Times are seconds; the views make text of them."""

from __future__ import annotations

import hashlib
from typing import Any

from . import timeline

Record = dict[str, Any]


def sha_of(*parts: object) -> str:
    """Forty hex digits that are the same in every run."""
    return hashlib.sha1("\n".join(map(str, parts)).encode()).hexdigest()  # noqa: S324  (a name, not a protection)


class Hub:
    """All repositories, people and numbers of the pretend GitHub."""

    def __init__(self) -> None:
        self.data: Record = {"users": {}, "repos": {}, "last_id": 17_600_000_000}
        self.version = 0

    def next_id(self, step: int = 37) -> int:
        """A new number of the size that GitHub's have."""
        self.data["last_id"] += step
        self.version += 1
        return self.data["last_id"]

    def user(self, login: str, name: str = "", kind: str = "User") -> Record:
        """A person or an organisation, made on first mention."""
        users = self.data["users"]
        if login not in users:
            users[login] = {"login": login, "id": 1_000 + len(users), "name": name or login, "type": kind,
                            "email": f"{login}@example.com"}
        return users[login]

    def add_repo(self, owner: str, name: str, now: float, description: str = "") -> Record:
        """An empty repository of an organisation."""
        self.user(owner, kind="Organization")
        repo = {"id": self.next_id() % 10**9, "owner": owner, "name": name, "description": description, "created": now,
                "default_branch": "main", "branches": {}, "commits": [], "workflows": [], "runs": [], "deployments": [],
                "environments": [], "pulls": [], "releases": []}
        self.data["repos"][f"{owner}/{name}".lower()] = repo
        return repo

    def repo(self, owner: str, name: str) -> Record | None:
        """Names do not tell upper from lower case."""
        return self.data["repos"].get(f"{owner}/{name}".lower())

    def add_commit(self, repo: Record, login: str, message: str, at: float, files: list[Record] | None = None,
                   branch: str | None = None) -> Record:
        """A commit on top of a branch."""
        branch = branch or repo["default_branch"]
        parent = repo["branches"].get(branch) or repo["branches"].get(repo["default_branch"])
        commit = {"sha": sha_of(repo["name"], message, parent), "message": message, "author": login, "at": at,
                  "parents": [parent] if parent else [], "files": files or [], "branch": branch}
        repo["commits"].insert(0, commit)
        repo["branches"][branch] = commit["sha"]
        self.version += 1
        return commit

    def add_pull(self, repo: Record, number: int, login: str, title: str, head: str, commit: Record, at: float,
                 merged: float | None = None, body: str = "") -> Record:
        """A pull request; merged when a time is given."""
        pull = {"id": self.next_id(), "number": number, "author": login, "title": title, "body": body, "head": head,
                "sha": commit["sha"], "created": at, "merged": merged, "merged_by": "dana" if merged else None}
        repo["pulls"].insert(0, pull)
        return pull

    def add_workflow(self, repo: Record, name: str, file: str, now: float) -> Record:
        """A workflow of `.github/workflows`."""
        workflow = {"id": self.next_id() % 10**9, "name": name, "path": f".github/workflows/{file}", "created": now}
        repo["workflows"].append(workflow)
        return workflow

    def add_run(self, repo: Record, workflow: Record, number: int, commit: Record, at: float, jobs: list[Record], *,
                event: str = "push", actor: str = "", branch: str = "", deploys: Record | None = None, flaky: bool = False) -> Record:
        """A run whose jobs play out from `at` on. A flaky run succeeds when it is run again."""
        run = {"id": self.next_id(), "number": number, "workflow": workflow["id"], "sha": commit["sha"],
               "branch": branch or commit["branch"], "title": commit["message"].splitlines()[0], "event": event,
               "actor": actor or commit["author"], "created": at, "deploys": deploys, "flaky": flaky, "attempts": []}
        self.add_attempt(run, jobs, at, run["actor"])
        repo["runs"].insert(0, run)
        return run

    def add_attempt(self, run: Record, jobs: list[Record], at: float, actor: str) -> Record:
        """The run's next attempt. Jobs that carry results of an earlier one keep their number."""
        attempt = {"number": len(run["attempts"]) + 1, "started": at, "actor": actor, "cancelled": None, "jobs": [
            {**job, "id": job["id"] if job.get("carried") else self.next_id(3)} for job in jobs]}
        run["attempts"].append(attempt)
        return attempt

    def add_deployment(self, repo: Record, commit: Record, environment: str, actor: str, at: float,
                       states: list[tuple[str, float, str]], run: Record | None = None, payload: Record | None = None) -> Record:
        """A deployment with its statuses (state, time, description)."""
        if environment not in [entry["name"] for entry in repo["environments"]]:
            repo["environments"].append({"id": self.next_id(), "name": environment, "created": at})
        deployment = {"id": self.next_id() % 10**10, "sha": commit["sha"], "ref": commit["branch"], "environment": environment,
                      "creator": actor, "created": at, "payload": payload or {}, "run": run["id"] if run else None, "statuses": []}
        for state, when, description in states:
            deployment["statuses"].insert(0, {"id": self.next_id(), "state": state, "at": when, "description": description,
                                              "creator": "github-actions[bot]"})
        repo["deployments"].insert(0, deployment)
        return deployment

    def add_release(self, repo: Record, tag: str, commit: Record, at: float, body: str = "") -> Record:
        """A published release."""
        release = {"id": self.next_id() % 10**9, "tag": tag, "sha": commit["sha"], "at": at, "body": body, "author": commit["author"]}
        repo["releases"].insert(0, release)
        return release

    def rerun(self, run: Record, only_failed: bool, now: float, actor: str) -> Record:
        """Starts the next attempt."""
        last = run["attempts"][-1]
        told = timeline.jobs(run, last, now)
        jobs = []
        for plan, state in zip(last["jobs"], told):
            plan = {key: value for key, value in plan.items() if key not in ("id", "carried")}
            if only_failed and state["conclusion"] == "success":
                plan.update(id=state["id"], carried={"started": state["started"], "ended": state["ended"]})
            elif run["flaky"]:
                plan["steps"] = [{**step, "conclusion": "success", "log": step.get("log_again", step.get("log", []))}
                                 for step in plan["steps"]]
            jobs.append(plan)
        return self.add_attempt(run, jobs, now, actor)


def step(name: str, seconds: float, log: list[str] | None = None, conclusion: str = "success", **more: Any) -> Record:
    """A step of a job, as it will go."""
    return {"name": name, "seconds": seconds, "log": log or [], "conclusion": conclusion, **more}


def job(name: str, *steps: Record) -> Record:
    """A job, framed by the steps that GitHub adds."""
    return {"name": name, "steps": [step("Set up job", 2, ["Current runner version: '2.323.0'", "Prepare workflow directory"]), *steps,
                                    step("Complete job", 1, ["Cleaning up orphan processes"])]}
