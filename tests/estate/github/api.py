"""The door of the GitHub half: tokens, rate limits, ETags, and errors in GitHub's words."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import Any, Callable

from ..faults import Fault
from ..web import Request, Response
from .model import Hub, Record
from .views import Views

DOCS = "https://docs.github.com/rest"
LIMIT = 5000


class GitHubError(Exception):
    """Ends a request with GitHub's error shape."""

    def __init__(self, code: int, message: str, docs: str = DOCS, errors: list[Record] | None = None, **headers: str) -> None:
        super().__init__(message)
        self.code, self.headers = code, headers
        self.body: Record = {"message": message, **({"errors": errors} if errors else {}), "documentation_url": docs, "status": str(code)}


class Call:
    """One request on its way: what a route needs to answer it."""

    def __init__(self, world: Any, request: Request, login: str, root: str) -> None:
        self.world, self.request, self.login, self.root = world, request, login, root
        self.hub: Hub = world.hub
        self.now: float = world.time
        self.views = Views(self.hub, root, self.now)
        self.headers: dict[str, str] = {}

    def page(self, found: list[Any]) -> list[Any]:
        """The page that was asked for; puts the Link header beside it."""
        query = self.request.query
        size = min(max(_number(query, "per_page", 30), 1), 100)
        page = max(_number(query, "page", 1), 1)
        last = max(1, -(-len(found) // size))
        base = self.request.base + self.request.target.split("?")[0]

        def link(number: int, rel: str) -> str:
            wanted = {**query, "per_page": str(size), "page": str(number)}
            return f'<{base}?{"&".join(f"{key}={value}" for key, value in wanted.items())}>; rel="{rel}"'
        links = [link(page - 1, "prev")] if page > 1 else []
        links += [link(page + 1, "next"), link(last, "last")] if page < last else []
        links += [link(1, "first")] if page > 1 else []
        if links:
            self.headers["Link"] = ", ".join(links)
        return found[(page - 1) * size:page * size]


def _number(query: dict[str, str], key: str, default: int) -> int:
    try:
        return int(query.get(key) or default)
    except ValueError:
        return default


Route = Callable[..., Any]


class GitHubApi:
    """Serves a world's repositories. `tokens` maps a token to a login."""

    def __init__(self, world: Any, tokens: dict[str, str], routes: list[tuple[str, re.Pattern[str], Route]]) -> None:
        self._world, self._tokens, self._routes = world, tokens, routes
        self._used: dict[tuple[str, int], int] = {}

    def answer(self, request: Request) -> Response:
        """Never raises for what a client may do wrong."""
        path, root = request.path, request.base
        if path == "/api/v3" or path.startswith("/api/v3/"):
            path, root = path[len("/api/v3"):] or "/", root + "/api/v3"
        with self._world.lock:
            self._world.settle()
            try:
                if path.startswith("/_logs/"):
                    response = self._find(Call(self._world, request, "", root), request.method, path)
                    return response
                login = self._login(request)
                request.user = login or "anonymous"
                limits = self._limits(request, count=path != "/rate_limit")
                call = Call(self._world, request, login, root)
                call.headers.update(limits)
                response = self._find(call, request.method, path)
                response = self._tagged(request, response)
                response.headers.update(call.headers)
            except GitHubError as problem:
                named = {key.replace("_", "-"): value for key, value in problem.headers.items()}
                response = Response.of(problem.body, problem.code)
                response.headers.update(named)
            except json.JSONDecodeError:
                response = Response.of({"message": "Problems parsing JSON", "documentation_url": DOCS, "status": "400"}, 400)
            if request.method != "GET":
                self._world.settle()
                self._world.save()
        return self._dressed(response)

    def fault_answer(self, request: Request, fault: Fault) -> Response:
        """A fault as GitHub would word it."""
        now = self._world.clock.now()
        if fault.kind == "expired_token":
            return self._dressed(Response.of({"message": "Bad credentials", "documentation_url": DOCS, "status": "401"}, 401))
        if fault.kind == "forbidden":
            return self._dressed(Response.of({"message": "Resource not accessible by personal access token",
                                              "documentation_url": DOCS, "status": "403"}, 403))
        if fault.kind == "rate_limit" and str(fault.value) == "secondary":
            return self._dressed(Response.of({
                "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                "documentation_url": f"{DOCS}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits", "status": "403"}, 403,
                Retry_After="60"))
        if fault.kind == "rate_limit":
            reset = int(now) // 3600 * 3600 + 3600
            return self._dressed(Response.of({
                "message": "API rate limit exceeded for user ID 1000.", "documentation_url":
                f"{DOCS}/overview/rate-limits-for-the-rest-api#primary-rate-limit-for-rest-requests", "status": "403"}, 403,
                X_RateLimit_Limit=str(LIMIT), X_RateLimit_Remaining="0", X_RateLimit_Used=str(LIMIT), X_RateLimit_Reset=str(reset),
                X_RateLimit_Resource="core"))
        code = int(fault.value or 503)
        return self._dressed(Response.of({"message": "No server is currently available to service your request."}, code))

    def _login(self, request: Request) -> str:
        kind, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if kind.lower() in ("bearer", "token") and token.strip() in self._tokens:
            return self._tokens[token.strip()]
        if kind:
            raise GitHubError(401, "Bad credentials")
        if request.path.rstrip("/") in ("", "/rate_limit", "/api/v3", "/api/v3/rate_limit"):
            return ""
        if request.path.rstrip("/").endswith("/user"):
            raise GitHubError(401, "Requires authentication")
        raise GitHubError(404, "Not Found")  # as GitHub does: a private repository does not exist for strangers

    def _limits(self, request: Request, count: bool) -> dict[str, str]:
        window = int(self._world.time) // 3600
        key = (request.headers.get("Authorization") or "", window)
        self._used[key] = used = self._used.get(key, 0) + count
        return {"X-RateLimit-Limit": str(LIMIT), "X-RateLimit-Remaining": str(max(0, LIMIT - used)), "X-RateLimit-Used": str(used),
                "X-RateLimit-Reset": str((window + 1) * 3600), "X-RateLimit-Resource": "core"}

    def _find(self, call: Call, method: str, path: str) -> Response:
        path = path.rstrip("/") or "/"
        for wanted, pattern, route in self._routes:
            if wanted == ("GET" if method == "HEAD" else method) and (found := pattern.fullmatch(path)):
                answer = route(call, **found.groupdict())
                return answer if isinstance(answer, Response) else Response.of(answer, 200, Content_Type="application/json; charset=utf-8")
        raise GitHubError(404, "Not Found")

    def _tagged(self, request: Request, response: Response) -> Response:
        """ETags; a 304 costs nothing of the rate limit, as documented."""
        if request.method != "GET" or response.status != 200:
            return response
        tag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
        response.headers["ETag"] = tag
        known = {part.strip().removeprefix("W/") for part in (request.headers.get("If-None-Match") or "").split(",")}
        if tag.removeprefix("W/") in known:
            key = (request.headers.get("Authorization") or "", int(self._world.time) // 3600)
            self._used[key] -= 1
            return Response(304, headers={"ETag": tag})
        return response

    @staticmethod
    def _dressed(response: Response) -> Response:
        number = uuid.uuid4().hex.upper()
        response.headers.update({"X-GitHub-Request-Id": f"{number[:4]}:{number[4:9]}:{number[9:16]}:{number[16:23]}:{number[23:31]}",
                                 "X-GitHub-Media-Type": "github.v3; format=json", "Server": "github.com"})
        return response
