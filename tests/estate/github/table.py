"""The table of GitHub's paths, and what most routes need. A route takes the call and the path's names, and returns JSON or a
Response."""

from __future__ import annotations

import re
from typing import Any

from .api import Call, GitHubError, Route
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


def repo_of(call: Call, owner: str, name: str) -> Record:
    """The repository of a path, or 404."""
    found = call.hub.repo(owner, name)
    if found is None:
        raise GitHubError(404, "Not Found", "https://docs.github.com/rest/repos/repos#get-a-repository")
    return found


def by(entries: list[Record], key: str, value: str) -> Record:
    """The record with a value, or 404."""
    found = next((entry for entry in entries if str(entry[key]) == value), None)
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


def commit_of(repo: Record, ref: str) -> Record:
    """The commit that a branch or a (shortened) SHA names, or 422."""
    sha = repo["branches"].get(ref.removeprefix("heads/"), ref)
    found = next((entry for entry in repo["commits"] if len(sha) >= 7 and entry["sha"].startswith(sha)), None)
    if found is None:
        raise GitHubError(422, f"No commit found for SHA: {ref}", "https://docs.github.com/rest/commits/commits#get-a-commit")
    return found
