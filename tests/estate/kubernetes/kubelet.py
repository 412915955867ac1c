"""Scheduler and kubelet in one: takes pods from Pending to whatever end their images have in store.

Each pod has a small memo (`self.memos`, by uid) with the stage of each of its containers and the time of its next step.
Time moves from step to step, so an hour that passes at once leaves the same traces as one that was lived through.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..clock import stamp
from .events import emit
from .images import MISSING, UNREADY, Images
from .scheduler import place
from .store import Object, Store, condition, set_condition

Memo = dict[str, Any]
PULL, TERMINATION, BACKOFF_TOP, PROBE_PERIOD, RETRY_SCHEDULING = 1.0, 1.0, 300.0, 10.0, 60.0
FAR = 1e12


def backoff(failures: int) -> float:
    """Seconds to wait after the n-th failure: the first retry comes at once, then 10, 20, 40 … 300."""
    return 1.0 if failures <= 1 else min(10.0 * 2 ** (failures - 2), BACKOFF_TOP)


class Kubelet:
    """Steps the pods of all nodes."""

    def __init__(self, store: Store, images: Images) -> None:
        self.store, self.images = store, images
        self.memos: dict[str, Memo] = {}

    def observe(self, now: float) -> None:
        """Takes note of new pods, of deletions asked for, and of pods that are gone."""
        live = {}
        for pod in self.store.each("pods"):
            uid = pod["metadata"]["uid"]
            memo = live[uid] = self.memos.get(uid) or {"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"],
                                                       "next": now, "containers": {}, "tries": 0}
            if "deletionTimestamp" in pod["metadata"] and "ends" not in memo:
                memo["ends"] = memo["next"] = now + TERMINATION
                for container in pod["spec"]["containers"]:
                    if memo["containers"].get(container["name"], {}).get("stage") in ("run", "backoff"):
                        self._say(pod, now, container, "Normal", "Killing", f"Stopping container {container['name']}")
        self.memos = live

    def due(self) -> float | None:
        """When the next step is."""
        return min((memo["next"] for memo in self.memos.values()), default=None)

    def step(self, now: float) -> None:
        """Does what is due."""
        for uid, memo in list(self.memos.items()):
            if memo["next"] > now:
                continue
            pod = self.store.find("pods", memo["namespace"], memo["name"])
            if pod is None or pod["metadata"]["uid"] != uid:
                del self.memos[uid]
            elif "ends" in memo:
                self.store.remove("pods", pod)
                del self.memos[uid]
            elif not pod["spec"].get("nodeName"):
                self._schedule(pod, memo, now)
            else:
                self._advance(pod, memo, now)

    def _schedule(self, pod: Object, memo: Memo, now: float) -> None:
        node, why = place(self.store, pod)
        if node:
            def bind(found: Object) -> None:
                found["spec"]["nodeName"] = node
                set_condition(found, now, "PodScheduled", "True")
            pod = self.store.edit("pods", pod, bind)
            name = f"{memo['namespace']}/{memo['name']}"
            emit(self.store, now, pod, "Normal", "Scheduled", f"Successfully assigned {name} to {node}", "default-scheduler")
            memo["next"] = now
            return
        memo["next"] = now + RETRY_SCHEDULING
        self.store.edit("pods", pod, lambda found: set_condition(found, now, "PodScheduled", "False", "Unschedulable", why))
        emit(self.store, now, pod, "Warning", "FailedScheduling", why, "default-scheduler")

    def _advance(self, pod: Object, memo: Memo, now: float) -> None:
        for container in pod["spec"]["containers"]:
            state = memo["containers"].setdefault(container["name"], {"stage": "pull", "next": now + PULL, "restarts": 0, "failures": 0})
            if state["stage"] == "pull" and "began" not in state:
                state["began"] = now
                self._say(pod, now, container, "Normal", "Pulling", f'Pulling image "{container["image"]}"')
            elif state["next"] <= now:
                getattr(self, "_" + state["stage"])(pod, container, state, now)
        memo["next"] = min(state["next"] for state in memo["containers"].values())
        self._write(pod, memo, now)

    # Stages. Each does one step and names the next stage and its time; FAR means: nothing more happens by itself.

    def _pull(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        image = container["image"]
        if self.images.of(image).kind == MISSING:
            state["failures"] += 1
            reference = image if "/" not in image or "." in image.split("/")[0] else f"docker.io/{image}"
            state["message"] = (f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": '
                                f'{reference}: not found')
            self._say(pod, now, container, "Warning", "Failed", f'Failed to pull image "{image}": rpc error: code = NotFound desc = '
                                                                + state["message"])
            self._say(pod, now, container, "Warning", "Failed", "Error: ErrImagePull")
            state.update(stage="pull_failed", next=now + 2)
            return
        self._say(pod, now, container, "Normal", "Pulled", f'Successfully pulled image "{image}" in 812ms (812ms including waiting). '
                                                           "Image size: 48213904 bytes.")
        self._start(pod, container, state, now)

    def _pull_failed(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        wait = max(backoff(state["failures"] + 1), 10.0)
        self._say(pod, now, container, "Normal", "BackOff", f'Back-off pulling image "{container["image"]}"', max(1, int(wait // 14)))
        self._say(pod, now, container, "Warning", "Failed", "Error: ImagePullBackOff", max(1, int(wait // 14)))
        state.update(stage="pull_backoff", next=now + wait)

    def _pull_backoff(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        self._say(pod, now, container, "Normal", "Pulling", f'Pulling image "{container["image"]}"')
        state.update(stage="pull", next=now + PULL)

    def _start(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        image = self.images.of(container["image"])
        self._say(pod, now, container, "Normal", "Created", f"Created container: {container['name']}")
        self._say(pod, now, container, "Normal", "Started", f"Started container {container['name']}")
        crash = image.crashes(container)
        state.update(stage="run", started=now, ready=False, crashes=crash, next=now + (image.runs_for if crash else image.ready_after))

    def _run(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        image = self.images.of(container["image"])
        if state["crashes"]:
            state["failures"] += 1
            state["last"] = {"exitCode": image.exit_code, "reason": image.reason, "startedAt": state["started"], "finishedAt": now,
                             "restart": state["restarts"]}
            state.update(stage="crashed", ready=False, next=now + 1)
        elif image.kind == UNREADY:
            self._say(pod, now, container, "Warning", "Unhealthy", image.probe)
            state["next"] = now + PROBE_PERIOD
        else:
            state.update(ready=True, next=FAR)

    def _crashed(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        wait = backoff(state["failures"])
        if state["failures"] > 1:
            self._back_off(pod, container, now, 1)
        state.update(stage="backoff", wait=wait, next=now + wait)

    def _back_off(self, pod: Object, container: Object, now: float, times: int) -> None:
        name, namespace, uid = pod["metadata"]["name"], pod["metadata"]["namespace"], pod["metadata"]["uid"]
        self._say(pod, now, container, "Warning", "BackOff",
                  f"Back-off restarting failed container {container['name']} in pod {name}_{namespace}({uid})", times)

    def _backoff(self, pod: Object, container: Object, state: Memo, now: float) -> None:
        if state["wait"] > 14:  # the kubelet repeats itself with every sync while it waits
            self._back_off(pod, container, now, int(state["wait"] // 14))
        state["restarts"] += 1
        self._say(pod, now, container, "Normal", "Pulled", f'Container image "{container["image"]}" already present on machine')
        self._start(pod, container, state, now)

    def _say(self, pod: Object, now: float, container: Object, kind: str, reason: str, message: str, times: int = 1) -> None:
        emit(self.store, now, pod, kind, reason, message, "kubelet", host=pod["spec"].get("nodeName", ""), times=times,
             field_path=f"spec.containers{{{container['name']}}}")

    # Status.

    def _write(self, pod: Object, memo: Memo, now: float) -> None:
        number = int(pod["metadata"]["uid"][:4], 16)
        statuses = [self._container(container, memo["containers"][container["name"]]) for container in pod["spec"]["containers"]]
        ready = all(entry["ready"] for entry in statuses)
        pulled = any(memo["containers"][entry["name"]].get("started") for entry in statuses)

        def change(found: Object) -> None:
            node = self.store.find("nodes", "", found["spec"]["nodeName"])
            host = next((entry["address"] for entry in (node or {}).get("status", {}).get("addresses", ())
                         if entry["type"] == "InternalIP"), "10.0.0.1")
            status = found.setdefault("status", {})
            status.setdefault("startTime", stamp(now))
            status.update(phase="Running" if pulled else "Pending", hostIP=host, hostIPs=[{"ip": host}],
                          containerStatuses=statuses, qosClass=status.get("qosClass", "Burstable"))
            address = f"10.244.{number % 3 + 1}.{number % 250 + 2}"
            status.update(podIP=address, podIPs=[{"ip": address}])
            names = " ".join(entry["name"] for entry in statuses if not entry["ready"])
            why = ("True",) if ready else ("False", "ContainersNotReady", f"containers with unready status: [{names}]")
            for kind in ("PodReadyToStartContainers", "Initialized"):
                set_condition(found, now, kind, "True")
            for kind in ("Ready", "ContainersReady"):
                set_condition(found, now, kind, *why)
            if condition(found, "PodScheduled") is None:
                set_condition(found, now, "PodScheduled", "True")
        self.store.edit("pods", pod, change)

    def _container(self, container: Object, state: Memo) -> Object:
        image = container["image"]
        digest = "sha256:" + f"{hash_of(image):064x}"
        found: Object = {"name": container["name"], "image": image, "imageID": "", "ready": state.get("ready", False),
                         "started": False, "restartCount": state["restarts"], "state": {}, "lastState": {}}
        stage = state["stage"]
        if state.get("started"):
            found["imageID"] = f"{image.split(':')[0]}@{digest}"
            found["containerID"] = f"containerd://{hash_of(image + str(state['started'])):064x}"
        if last := state.get("last"):
            ended = {"exitCode": last["exitCode"], "reason": last["reason"], "startedAt": stamp(last["startedAt"]),
                     "finishedAt": stamp(last["finishedAt"]), "containerID": f"containerd://{hash_of(image + str(last['startedAt'])):064x}"}
            found["state" if stage == "crashed" else "lastState"] = {"terminated": ended}
        if stage == "run":
            found["state"] = {"running": {"startedAt": stamp(state["started"])}}
            found["started"] = True
        elif stage == "backoff":
            found["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {_short(state['wait'])} restarting failed "
                                                                                   f"container={container['name']}"}}
        elif stage == "pull_failed":
            found["state"] = {"waiting": {"reason": "ErrImagePull", "message": state["message"]}}
        elif stage == "pull_backoff" or (stage == "pull" and state["failures"]):
            found["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}": ErrImagePull: '
                                                                                   + state["message"]}}
        elif stage == "pull":
            found["state"] = {"waiting": {"reason": "ContainerCreating"}}
        return found


def hash_of(text: str) -> int:
    """A number that looks like a digest and is the same in every run."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _short(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
