"""The control API: tests set the clock, call up faults, make deploys happen, and look behind the scenes."""

from __future__ import annotations

import json
from typing import Any, Callable

from .clock import stamp_precise
from .faults import Faults
from .journal import Journal
from .stage import Stage
from .web import Request, Response
from .world import World


class Control:
    """Serves the control port. It has no sign-in: it listens on loopback, and only tests know its address."""

    def __init__(self, world: World, faults: Faults, journal: Journal) -> None:
        self._world, self._faults, self._journal = world, faults, journal
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("POST", "/clock/advance"): self._advance, ("POST", "/clock/rate"): self._rate, ("GET", "/clock"): lambda _: self._clock(),
            ("GET", "/state"): lambda _: self._state(), ("GET", "/journal"): lambda _: {"entries": journal.entries()},
            ("GET", "/faults"): lambda _: {"faults": faults.view()}, ("POST", "/faults"): lambda wish: faults.add(wish).view(),
            ("DELETE", "/faults"): self._clear, ("POST", "/deploy"): self._deploy}

    def answer(self, request: Request) -> Response:
        """400 with a sentence for a wish that makes no sense."""
        route = self._routes.get((request.method, request.path.rstrip("/")))
        if route is None:
            known = ", ".join(f"{method} {path}" for method, path in self._routes)
            return Response.of({"error": f"the control API has {known}"}, 404)
        try:
            wish = request.json()
            if not isinstance(wish, dict):
                raise ValueError("the body is a JSON object")
            return Response.of(route(wish))
        except (ValueError, KeyError, TypeError, json.JSONDecodeError) as problem:
            return Response.of({"error": f"{type(problem).__name__}: {problem}"}, 400)

    def _clock(self) -> dict[str, Any]:
        clock = self._world.clock
        return {"now": stamp_precise(clock.now(), 6), "rate": clock.rate}

    def _advance(self, wish: dict[str, Any]) -> Any:
        with self._world.lock:
            self._world.settle()
            self._world.clock.advance(float(wish["seconds"]))
            self._world.settle()
            self._world.save(force=True)
            return self._clock()

    def _rate(self, wish: dict[str, Any]) -> Any:
        """`{"rate": "frozen"}`, `{"rate": "real"}`, or a factor."""
        named = {"frozen": 0.0, "real": 1.0, "realtime": 1.0}
        rate = wish["rate"]
        with self._world.lock:
            self._world.clock.set_rate(named[rate] if isinstance(rate, str) else float(rate))
            self._world.save(force=True)
            return self._clock()

    def _state(self) -> Any:
        with self._world.lock:
            self._world.settle()
            return {"scenario": self._world.scenario, "clock": self._clock(), "resourceVersion": str(self._world.store.revision),
                    "kubernetes": {plural: list(kept.values()) for plural, kept in self._world.store.objects.items()},
                    "github": self._world.hub.data, "faults": self._faults.view(), "agenda": self._world.agenda}

    def _clear(self, _: dict[str, Any]) -> Any:
        self._faults.clear()
        return {"faults": []}

    def _deploy(self, wish: dict[str, Any]) -> Any:
        """A further deploy: `in_seconds` from now (0: just over), with commit, run and deployment as a real one has."""
        with self._world.lock:
            self._world.settle()
            stage = Stage(self._world)
            repo = stage.repo = next(iter(self._world.hub.data["repos"].values()))
            stage.workflows = {entry["name"]: entry for entry in repo["workflows"]}
            stage.numbers["Deploy"] = max(entry["number"] for entry in repo["runs"] if entry["workflow"] == stage.workflows["Deploy"]["id"])
            namespace, name, image = wish.get("namespace", "shop"), wish["name"], wish["image"]
            if self._world.store.find("deployments", namespace, name) is None:
                raise ValueError(f"no deployment {name} in {namespace}")
            commit, wait = wish.get("commit") or {}, float(wish.get("in_seconds", 0))
            run = stage.deploy(name, image.rpartition(":")[2], message=commit.get("message", f"{name}: {image}"),
                               author=commit.get("author", "dana"), before=-wait, namespace=namespace, image=image, pull=commit.get("pull"))
            self._world.settle()
            self._world.save(force=True)
            return {"run_id": run["id"], "run_number": run["number"], "sha": run["sha"], "deployment_id": repo["deployments"][0]["id"],
                    "finishes": stamp_precise(stage.start + wait, 6)}
