"""The Deployment control loop: revisions, rolling updates within maxSurge and maxUnavailable, conditions, deadlines."""

from __future__ import annotations

import json
import math

from ..clock import seconds_of
from .events import emit
from .replicas import owner_reference
from .store import Object, Store, clone, condition, set_condition, suffix

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_NOT_COPIED = {"kubectl.kubernetes.io/last-applied-configuration", REVISION, "deployment.kubernetes.io/revision-history",
               "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"}


def _plain_template(template: Object) -> Object:
    found = clone(template)
    (found.get("metadata") or {}).get("labels", {}).pop(HASH, None)
    (found.get("metadata") or {}).pop("creationTimestamp", None)
    return found


def _revision(found: Object) -> int:
    return int((found["metadata"].get("annotations") or {}).get(REVISION, 0))


def _share(value: int | str | None, replicas: int, up: bool) -> int:
    value = "25%" if value is None else value
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * replicas / 100
    return math.ceil(exact) if up else math.floor(exact)


def limits(deployment: Object) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as numbers of pods."""
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
    replicas = deployment["spec"].get("replicas", 1)
    surge, unavailable = _share(rolling.get("maxSurge"), replicas, True), _share(rolling.get("maxUnavailable"), replicas, False)
    return surge, unavailable if surge or unavailable else 1


def reconcile(store: Store, deployment: Object, now: float) -> None:
    """One round for one Deployment."""
    owned = sorted(store.owned("replicasets", deployment), key=_revision)
    template = _plain_template(deployment["spec"]["template"])
    current = next((entry for entry in owned if _plain_template(entry["spec"]["template"]) == template), None)
    if not deployment["spec"].get("paused"):
        current = _adopt(store, deployment, owned, current, now)
        owned = sorted(store.owned("replicasets", deployment), key=_revision)
        current = store.get("replicasets", current["metadata"]["namespace"], current["metadata"]["name"])
        deployment = store.get("deployments", deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        _roll(store, deployment, owned, current, now)
        _forget(store, deployment, owned, current)
    _write_status(store, deployment, current, now)


def _adopt(store: Store, deployment: Object, owned: list[Object], current: Object | None, now: float) -> Object:
    """Makes the ReplicaSet of the current template, or raises an old one to the newest revision."""
    newest = max(map(_revision, owned), default=0)
    kept = {key: value for key, value in (deployment["metadata"].get("annotations") or {}).items() if key not in _NOT_COPIED}
    surge, _ = limits(deployment)
    replicas = deployment["spec"].get("replicas", 1)
    sizes = {"deployment.kubernetes.io/desired-replicas": str(replicas), "deployment.kubernetes.io/max-replicas": str(replicas + surge)}
    if current is None:
        plain = _plain_template(deployment["spec"]["template"])
        tag = suffix(json.dumps(plain, sort_keys=True), 10)
        plain.setdefault("metadata", {}).setdefault("labels", {})[HASH] = tag
        revision = newest + 1
        selector = clone(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH] = tag
        current = store.create("replicasets", {
            "metadata": {"name": f"{deployment['metadata']['name']}-{tag}", "namespace": deployment["metadata"]["namespace"],
                         "labels": plain["metadata"]["labels"], "annotations": {**kept, **sizes, REVISION: str(revision)},
                         "ownerReferences": [owner_reference(deployment)]},
            "spec": {"replicas": 0, "selector": selector, "template": plain}, "status": {"replicas": 0}}, now)
        store.edit("deployments", deployment, lambda found: set_condition(
            found, now, "Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{current["metadata"]["name"]}"', True))
    else:
        revision = _revision(current)
        if revision < newest:
            revision = newest + 1
            store.edit("deployments", deployment, lambda found: set_condition(
                found, now, "Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{current["metadata"]["name"]}"', True))
        def raise_revision(found: Object) -> None:
            found["metadata"]["annotations"] = {**(found["metadata"].get("annotations") or {}), **kept, **sizes, REVISION: str(revision)}
        current = store.edit("replicasets", current, raise_revision)
    def tell(found: Object) -> None:
        found["metadata"]["annotations"] = {**(found["metadata"].get("annotations") or {}), REVISION: str(revision)}
    store.edit("deployments", deployment, tell)
    return current


def _scale(store: Store, deployment: Object, replica_set: Object, size: int, now: float) -> None:
    before = replica_set["spec"]["replicas"]
    if size == before:
        return
    store.edit("replicasets", replica_set, lambda found: found["spec"].update(replicas=size))
    way = "up" if size > before else "down"
    emit(store, now, deployment, "Normal", "ScalingReplicaSet",
         f"Scaled {way} replica set {replica_set['metadata']['name']} from {before} to {size}", "deployment-controller")


def _roll(store: Store, deployment: Object, owned: list[Object], current: Object, now: float) -> None:
    """One step of the rollout, as the real controller takes it: up within the surge, then down within what must stay available."""
    replicas = deployment["spec"].get("replicas", 1)
    old = [entry for entry in owned if entry["metadata"]["uid"] != current["metadata"]["uid"]]
    running_old = [entry for entry in old if entry["spec"]["replicas"]]
    size = current["spec"]["replicas"]
    if deployment["spec"].get("strategy", {}).get("type") == "Recreate":
        for entry in running_old:
            _scale(store, deployment, entry, 0, now)
        if not any(store.owned("pods", entry) for entry in old):
            _scale(store, deployment, current, replicas, now)
        return
    if not running_old or size > replicas:
        _scale(store, deployment, current, replicas, now)
        return
    surge, unavailable = limits(deployment)
    total = sum(entry["spec"]["replicas"] for entry in owned)
    if size < replicas and (room := replicas + surge - total) > 0:
        _scale(store, deployment, current, size + min(room, replicas - size), now)
        return
    available = {entry["metadata"]["uid"]: entry.get("status", {}).get("availableReplicas", 0) for entry in owned}
    stuck_new = size - available[current["metadata"]["uid"]]
    may_go = total - (replicas - unavailable) - stuck_new
    for entry in running_old:  # the unhealthy ones first: they are no loss
        sick = entry["spec"]["replicas"] - available[entry["metadata"]["uid"]]
        if sick > 0 and may_go > 0 and entry.get("status", {}).get("observedGeneration") == entry["metadata"]["generation"]:
            _scale(store, deployment, entry, entry["spec"]["replicas"] - min(sick, may_go), now)
            return
    may_go = min(may_go, sum(available.values()) - (replicas - unavailable))
    if may_go > 0:
        _scale(store, deployment, running_old[0], running_old[0]["spec"]["replicas"] - min(may_go, running_old[0]["spec"]["replicas"]), now)


def _forget(store: Store, deployment: Object, owned: list[Object], current: Object) -> None:
    """Keeps as many old ReplicaSets as revisionHistoryLimit says."""
    empty = [entry for entry in owned if entry is not current and not entry["spec"]["replicas"] and not entry["status"].get("replicas")
             and entry["metadata"]["uid"] != current["metadata"]["uid"]]
    for entry in empty[:max(0, len(empty) - deployment["spec"].get("revisionHistoryLimit", 10))]:
        store.remove("replicasets", entry)


def deadline(deployment: Object) -> float | None:
    """When a rollout that makes no progress counts as failed."""
    found = condition(deployment, "Progressing")
    if not found or found["status"] != "True" or found["reason"] == "NewReplicaSetAvailable" or deployment["spec"].get("paused"):
        return None
    return seconds_of(found["lastUpdateTime"]) + deployment["spec"].get("progressDeadlineSeconds", 600)


def _write_status(store: Store, deployment: Object, current: Object | None, now: float) -> None:
    deployment = store.get("deployments", deployment["metadata"]["namespace"], deployment["metadata"]["name"])
    owned = store.owned("replicasets", deployment)
    sums = {key: sum(entry.get("status", {}).get(key, 0) for entry in owned) for key in ("replicas", "readyReplicas", "availableReplicas")}
    mine = next((entry for entry in owned if current and entry["metadata"]["uid"] == current["metadata"]["uid"]), None)
    updated = mine["status"].get("replicas", 0) if mine else 0
    replicas = deployment["spec"].get("replicas", 1)
    _, unavailable = limits(deployment)
    complete = updated == replicas == sums["availableReplicas"] == sums["replicas"]
    before = {key: deployment.get("status", {}).get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas")}

    def write(found: Object) -> None:
        conditions = found.get("status", {}).get("conditions", [])
        status = {"observedGeneration": found["metadata"]["generation"], **sums, "updatedReplicas": updated,
                  "unavailableReplicas": max(0, max(replicas, sums["replicas"]) - sums["availableReplicas"])}
        found["status"] = {key: value for key, value in status.items() if value}
        found["status"]["conditions"] = clone(conditions)
        if sums["availableReplicas"] >= replicas - unavailable:
            set_condition(found, now, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", True)
        else:
            set_condition(found, now, "Available", "False", "MinimumReplicasUnavailable",
                          "Deployment does not have minimum availability.", True)
        _progress(found)

    def _progress(found: Object) -> None:
        if found["spec"].get("paused") or mine is None:
            return
        name = mine["metadata"]["name"]
        known = condition(found, "Progressing")
        after = {key: found["status"].get(key, 0) for key in before}
        if complete:
            set_condition(found, now, "Progressing", "True", "NewReplicaSetAvailable",
                          f'ReplicaSet "{name}" has successfully progressed.', True)
        elif known and known["reason"] == "NewReplicaSetAvailable" and after["updatedReplicas"] == before["updatedReplicas"]:
            return  # done once, ill later: that is not the rollout's fault
        elif any(after[key] > before[key] for key in before):
            _touch(found, name)
        elif (end := deadline(found)) is not None and now >= end:
            set_condition(found, now, "Progressing", "False", "ProgressDeadlineExceeded",
                          f'ReplicaSet "{name}" has timed out progressing.', True)

    def _touch(found: Object, name: str) -> None:
        if known := condition(found, "Progressing"):
            known["message"] = ""  # so that lastUpdateTime moves: it is what the deadline counts from
        set_condition(found, now, "Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', True)
    store.edit("deployments", deployment, write)


