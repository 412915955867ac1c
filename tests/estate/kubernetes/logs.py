"""Container logs, computed from what the image does and when the container ran: nothing is stored, everything adds up."""

from __future__ import annotations

import time
from typing import Any, Iterator

from ..clock import seconds_of, stamp_precise
from .images import Image
from .kubelet import Memo
from .status import ApiError
from .store import Object

Line = tuple[float, str]
MOST_LINES = 2000


def _run_lines(image: Image, started: float, ended: float, crashed: bool) -> list[Line]:
    lines = [(started + 0.05 * index, text) for index, text in enumerate(image.starts)]
    if crashed:
        return lines + [(ended - 0.01 * (len(image.last_lines) - index), text) for index, text in enumerate(image.last_lines)]
    if image.works and image.every:
        count = int((ended - started) // image.every)
        for number in range(max(1, count - MOST_LINES), count + 1):
            lines.append((started + number * image.every, image.works[number % len(image.works)]))
    return lines


class Logs:
    """Reads logs of the pods that a kubelet looks after."""

    def __init__(self, kubelet: Any) -> None:
        self._kubelet = kubelet

    def lines(self, pod: Object, query: dict[str, str], now: float) -> list[Line]:
        """What a container has printed. 400 in the kubelet's words when there is nothing to read."""
        name, spec, memo = self._container(pod, query)
        state: Memo = memo.get("containers", {}).get(name, {})
        image = self._kubelet.images.of(spec["image"])
        pod_name = pod["metadata"]["name"]
        if query.get("previous") == "true":
            last = state.get("last")
            if not last or (state["stage"] == "crashed" and state["restarts"] == 0):
                raise ApiError(400, f'previous terminated container "{name}" in pod "{pod_name}" not found')
            found = _run_lines(image, last["startedAt"], last["finishedAt"], True)
        elif "started" not in state:
            reason = "trying and failing to pull image" if state.get("failures") else "ContainerCreating"
            if not pod["spec"].get("nodeName"):
                return []
            raise ApiError(400, f'container "{name}" in pod "{pod_name}" is waiting to start: {reason}')
        else:
            crashed = state["stage"] in ("crashed", "backoff")
            found = _run_lines(image, state["started"], state["last"]["finishedAt"] if crashed else now, crashed)
        return found

    def _container(self, pod: Object, query: dict[str, str]) -> tuple[str, Object, Memo]:
        containers = {entry["name"]: entry for entry in pod["spec"]["containers"]}
        name = query.get("container", "")
        if not name and len(containers) > 1:
            raise ApiError(400, f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: "
                                f"[{' '.join(containers)}]")
        name = name or next(iter(containers))
        if name not in containers:
            raise ApiError(400, f"container {name} is not valid for pod {pod['metadata']['name']}")
        return name, containers[name], self._kubelet.memos.get(pod["metadata"]["uid"], {})


def cut(lines: list[Line], query: dict[str, str], now: float) -> bytes:
    """Applies sinceSeconds, sinceTime, tailLines, timestamps and limitBytes."""
    if query.get("sinceSeconds"):
        lines = [line for line in lines if line[0] >= now - float(query["sinceSeconds"])]
    if query.get("sinceTime"):
        lines = [line for line in lines if line[0] >= seconds_of(query["sinceTime"])]
    if query.get("tailLines"):
        count = int(query["tailLines"])
        lines = lines[-count:] if count else []
    text = "".join((stamp_precise(when) + " " if query.get("timestamps") == "true" else "") + line + "\n" for when, line in lines)
    body = text.encode()
    return body[:int(query["limitBytes"])] if query.get("limitBytes") else body


def follow(read: Any, query: dict[str, str]) -> Iterator[bytes]:
    """`read()` returns (lines, now) or None when the pod is gone; new lines are sent as the clock brings them."""
    seen = float("-inf")
    first = True
    while (found := read()) is not None:
        lines, now = found
        fresh = [line for line in lines if line[0] > seen]
        if fresh:
            seen = max(line[0] for line in fresh)
            yield cut(fresh, query if first else {"timestamps": query.get("timestamps", "")}, now)
        first = False
        time.sleep(0.2)
