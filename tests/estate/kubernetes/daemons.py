"""StatefulSets and DaemonSets: few of them stand in the estate. Their history is in ControllerRevisions, as the real controllers keep it."""

from __future__ import annotations

import json
from typing import Callable

from .events import emit
from .replicas import is_ready, living, make_pod, owner_reference
from .store import Object, Store, clone, suffix

HASH = "controller-revision-hash"
CAUSE = "kubernetes.io/change-cause"


def _remember(store: Store, owner: Object, now: float) -> str:
    """Keeps the template as a ControllerRevision, and returns its hash."""
    tag = suffix(json.dumps(owner["spec"]["template"], sort_keys=True), 10)
    name = f"{owner['metadata']['name']}-{tag}"
    known = store.owned("controllerrevisions", owner)
    newest = max((entry["revision"] for entry in known), default=0)
    mine = next((entry for entry in known if entry["metadata"]["name"] == name), None)
    cause = (owner["metadata"].get("annotations") or {}).get(CAUSE)
    annotations = {CAUSE: cause} if cause else {}
    mark = "controller.kubernetes.io/hash" if owner["kind"] == "StatefulSet" else HASH
    if mine is None:
        template = {**clone(owner["spec"]["template"]), "$patch": "replace"}
        store.create("controllerrevisions", {
            "metadata": {"name": name, "namespace": owner["metadata"]["namespace"], "labels": {
                **owner["spec"]["selector"].get("matchLabels", {}), mark: tag}, "annotations": annotations,
                "ownerReferences": [owner_reference(owner)]},
            "data": {"spec": {"template": template}}, "revision": newest + 1}, now)
    elif mine["revision"] < newest:
        def take_up(found: Object) -> None:
            found["revision"] = newest + 1
            found["metadata"]["annotations"] = annotations
        store.edit("controllerrevisions", mine, take_up)
    unused = sorted(known, key=lambda entry: int(entry["revision"]))[:-1]
    for entry in unused[:max(0, len(unused) - int(owner["spec"].get("revisionHistoryLimit", 10)))]:
        if entry["metadata"]["name"] != name:
            store.remove("controllerrevisions", entry)
    return tag


def _keep(store: Store, owner: Object, names: dict[str, str], tag: str, component: str, now: float) -> list[Object]:
    """Makes the pods that are missing (`names` maps a pod name to its node, or to ""), and replaces old ones one at a time."""
    everyone = {pod["metadata"]["name"] for pod in store.owned("pods", owner)}
    for name, node in names.items():
        if name in everyone:
            continue
        pod = make_pod(store, owner, name, now, {HASH: tag})
        if node:
            store.edit("pods", pod, lambda found, node=node: found["spec"].update(nodeName=node))
        emit(store, now, owner, "Normal", "SuccessfulCreate", f"Created pod: {name}", component)
    pods = living(store, owner)
    extra = [pod for pod in pods if pod["metadata"]["name"] not in names]
    old = [pod for pod in pods if pod["metadata"]["labels"].get(HASH) != tag]
    if not extra and old and len(pods) == len(names):
        # A DaemonSet loses nothing with an old pod that is not ready. A StatefulSet waits for it, as the real one does.
        sick = [pod for pod in old if not is_ready(pod)] if owner["kind"] == "DaemonSet" else []
        extra = sick[:1] or (old[-1:] if all(map(is_ready, pods)) else [])
    for pod in extra:
        store.mark_deleted("pods", pod, now, 30)
        emit(store, now, owner, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", component)
    return living(store, owner)


def _write(store: Store, plural: str, owner: Object, status: Callable[[Object], Object]) -> None:
    def change(found: Object) -> None:
        found["status"] = {"observedGeneration": found["metadata"]["generation"], **status(found)}
    store.edit(plural, owner, change)


def reconcile_stateful(store: Store, owner: Object, now: float) -> None:
    """Pods name-0 … name-n."""
    tag, name = _remember(store, owner, now), owner["metadata"]["name"]
    wanted = owner["spec"].get("replicas", 1)
    pods = _keep(store, owner, {f"{name}-{index}": "" for index in range(wanted)}, f"{name}-{tag}", "statefulset-controller", now)
    ready = sum(map(is_ready, pods))
    fresh = sum(pod["metadata"]["labels"].get(HASH) == f"{name}-{tag}" for pod in pods)
    _write(store, "statefulsets", owner, lambda found: {
        "replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready, "currentReplicas": fresh, "updatedReplicas": fresh,
        "currentRevision": f"{name}-{tag}" if fresh == len(pods) else found.get("status", {}).get("currentRevision", f"{name}-{tag}"),
        "updateRevision": f"{name}-{tag}", "collisionCount": 0})


def reconcile_daemon(store: Store, owner: Object, now: float) -> None:
    """One pod on each node."""
    tag, name = _remember(store, owner, now), owner["metadata"]["name"]
    nodes = [node["metadata"]["name"] for node in store.list("nodes")]
    pods = _keep(store, owner, {f"{name}-{suffix(name + node)}": node for node in nodes}, tag, "daemonset-controller", now)
    ready = sum(map(is_ready, pods))
    fresh = sum(pod["metadata"]["labels"].get(HASH) == tag for pod in pods)
    _write(store, "daemonsets", owner, lambda found: {
        "desiredNumberScheduled": len(nodes), "currentNumberScheduled": len(pods), "numberMisscheduled": 0, "numberReady": ready,
        "numberAvailable": ready, "updatedNumberScheduled": fresh,
        **({"numberUnavailable": len(nodes) - ready} if len(nodes) > ready else {})})
