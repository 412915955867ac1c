"""The world: one clock, one cluster, one GitHub, and the order in which things happen in them."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from .clock import Clock, stamp
from .github import timeline
from .github.model import Hub, Record
from .kubernetes.controllers import Controllers
from .kubernetes.events import forget_old
from .kubernetes.images import Images
from .kubernetes.kubelet import Kubelet
from .kubernetes.store import Object, Store

Action = dict[str, Any]


class World:
    """`lock` guards everything here; watchers wait on it. `time` is how far the simulation has come."""

    def __init__(self, folder: Path, images: Images, clock: Clock | None = None) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.clock = clock or Clock()
        self.time = self.clock.now()
        self.store, self.hub = Store(), Hub()
        self.store.on_change = self._changed
        self.kubelet, self.controllers = Kubelet(self.store, images), Controllers(self.store)
        self.agenda: list[Action] = []
        self.scenario = ""
        self.stopping = False
        self._path, self._saved, self._hub_text = folder / "state.json", (-1, -1), ""
        self._swept = float("-inf")

    def _changed(self) -> None:
        self.lock.notify_all()

    def settle(self, until: float | None = None) -> None:
        """Plays everything that is due by the clock (or by `until`, while a scenario is told), in the order of its times."""
        target = self.clock.now() if until is None else until
        while True:
            self.controllers.reconcile(self.time)
            self.kubelet.observe(self.time)
            deadline = self.controllers.due(self.time)
            times = [time for time in (self.kubelet.due(), deadline, *(entry["at"] for entry in self.agenda)) if time is not None]
            due = min(times, default=target + 1)
            if due > target:
                break
            self.time = max(self.time, due)
            if due == deadline:
                self.controllers.at_deadline()
            for action in [entry for entry in self.agenda if entry["at"] <= self.time]:
                self.agenda.remove(action)
                self._act(action)
            self.kubelet.step(self.time)
        self.time = max(self.time, target)
        if self.time - self._swept > 60:
            self._swept = self.time
            forget_old(self.store, self.time)
            self._beat()

    def _beat(self) -> None:
        """The nodes say that they live, so that nobody takes an old heartbeat for a dead node."""
        now = stamp(self.time)
        for node in self.store.each("nodes"):
            self.store.edit("nodes", node, lambda found: [entry.update(lastHeartbeatTime=now) for entry in found["status"]["conditions"]])
        for lease in self.store.each("leases"):
            self.store.edit("leases", lease, lambda found: found["spec"].update(renewTime=now[:-1] + ".000000Z"))

    def roll(self, namespace: str, name: str, image: str, annotations: dict[str, str], cause: str, version: str) -> None:
        """What a deploy job does to the cluster: a new image, and the marks that tell where it comes from."""
        found = self.store.get("deployments", namespace, name)

        def change(entry: Object) -> None:
            template = entry["spec"]["template"]
            template["spec"]["containers"][0]["image"] = image
            template["metadata"]["annotations"] = {**template["metadata"].get("annotations", {}), **annotations}
            template["metadata"]["labels"]["app.kubernetes.io/version"] = version
            entry["metadata"]["labels"]["app.kubernetes.io/version"] = version
            entry["metadata"]["annotations"] = {**entry["metadata"].get("annotations", {}), "kubernetes.io/change-cause": cause}
        self.store.edit("deployments", found, change)

    def plan_rollout(self, repo: Record, run: Record, attempt: Record) -> None:
        """What a deploy run will do if it succeeds: a GitHub deployment, and at its end the new image in the cluster."""
        if not run["deploys"] or not timeline.succeeds(run, attempt):
            return
        end, image = timeline.end_of(run, attempt), run["deploys"]["image"]
        self.agenda.append({"at": end, "do": "roll", "run": run["id"], "with": run["deploys"]})
        commit = next(entry for entry in repo["commits"] if entry["sha"] == run["sha"])
        self.hub.add_deployment(repo, commit, "production", "github-actions[bot]", end - 15, [
            ("in_progress", end - 14, f"rolling out {image}"), ("success", end - 1, f"{image} rolled out")], run,
            {"image": image, "namespace": run["deploys"]["namespace"], "deployment": run["deploys"]["name"]})

    def forget_rollout(self, repo: Record, run: Record) -> None:
        """A cancelled run deploys nothing more."""
        self.agenda = [entry for entry in self.agenda if entry.get("run") != run["id"]]
        for deployment in [entry for entry in repo["deployments"] if entry["run"] == run["id"]]:
            deployment["statuses"] = [entry for entry in deployment["statuses"] if entry["at"] <= self.time]
            if deployment["created"] > self.time:
                repo["deployments"].remove(deployment)
        self.hub.version += 1

    def _act(self, action: Action) -> None:
        if self.store.find("deployments", action["with"]["namespace"], action["with"]["name"]):
            self.roll(**action["with"])

    def save(self, force: bool = False) -> None:
        """Writes state.json, whole or not at all."""
        mark = (self.store.revision, self.hub.version)
        if mark == self._saved and not force:
            return
        kept = {"scenario": self.scenario, "time": self.time, "clock": self.clock.dump(), "images": self.kubelet.images.dump(),
                "memos": self.kubelet.memos, "agenda": self.agenda}
        if self._saved[1] != self.hub.version or force:
            self._hub_text = json.dumps(self.hub.data)
        draft = self._path.with_suffix(".tmp")
        draft.write_text(f'{json.dumps(kept)[:-1]}, "hub": {self._hub_text}, "store": {self.store.dump()}}}', encoding="utf-8")
        os.replace(draft, self._path)
        self._saved = mark

    def load(self) -> bool:
        """Takes up what an earlier start left in the folder. False when there is nothing."""
        if not self._path.exists():
            return False
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        self.scenario, self.time, self.agenda = kept["scenario"], kept["time"], kept["agenda"]
        self.clock = Clock.load(kept["clock"])
        self.store.load(kept["store"])
        self.kubelet.images, self.kubelet.memos = Images.load(kept["images"]), kept["memos"]
        self.hub.data = kept["hub"]
        self._swept = self.time
        return True

    def run_in_background(self) -> None:
        """Lets time pass for those who only wait: watchers and followers of logs."""
        def tick() -> None:
            while not self.stopping:
                with self.lock:
                    if self.clock.rate:
                        self.settle()
                        self.save()
                    self.lock.wait(0.25)
        threading.Thread(target=tick, daemon=True).start()

    def stop(self) -> None:
        """Ends watches and keeps the state."""
        with self.lock:
            self.stopping = True
            self.save(force=True)
            self.lock.notify_all()
