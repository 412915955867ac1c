"""The ReplicaSet control loop, and how every controller makes and judges pods."""

from __future__ import annotations

from .events import emit
from .store import Object, Store, clone, condition, suffix


def owner_reference(owner: Object) -> Object:
    """What marks an object as controlled by `owner`."""
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}


def is_ready(pod: Object) -> bool:
    """Whether a pod counts as ready: its condition says so and it is not on its way out."""
    found = condition(pod, "Ready")
    return bool(found and found["status"] == "True" and "deletionTimestamp" not in pod["metadata"])


def living(store: Store, owner: Object) -> list[Object]:
    """The pods of an owner that are not being deleted."""
    return [pod for pod in store.owned("pods", owner) if "deletionTimestamp" not in pod["metadata"]]


def make_pod(store: Store, owner: Object, name: str, now: float, extra_labels: dict[str, str] | None = None) -> Object:
    """Makes a pod from an owner's template."""
    template = owner["spec"]["template"]
    meta = clone(template.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    meta.update(name=name, namespace=owner["metadata"]["namespace"], ownerReferences=[owner_reference(owner)])
    meta["labels"] = {**(meta.get("labels") or {}), **(extra_labels or {})}
    spec = pod_defaults(clone(template["spec"]))
    made = store.create("pods", {"metadata": meta, "spec": spec, "status": {"phase": "Pending", "qosClass": _qos(spec)}}, now)
    return made


def pod_defaults(spec: Object) -> Object:
    """Fills in what the API server fills in."""
    for key, value in {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
                       "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {},
                       "terminationGracePeriodSeconds": 30, "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority",
                       "priority": 0}.items():
        spec.setdefault(key, value)
    for container in spec["containers"]:
        container_defaults(container)
    return spec


def container_defaults(container: Object) -> None:
    """The defaults of one container."""
    for key, value in {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                       "terminationMessagePolicy": "File", "resources": {}}.items():
        container.setdefault(key, value)
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")


def _qos(spec: Object) -> str:
    resources = [container.get("resources") or {} for container in spec["containers"]]
    if not any(resources):
        return "BestEffort"
    return "Guaranteed" if all(entry.get("limits") and entry.get("limits") == entry.get("requests") for entry in resources) else "Burstable"


def _expendable(pod: Object) -> tuple[bool, bool, int, str]:
    """Sort key: who goes first when there are too many. Unscheduled, not ready, often restarted, young."""
    restarts = sum(entry["restartCount"] for entry in pod.get("status", {}).get("containerStatuses", ()))
    return not pod["spec"].get("nodeName"), not is_ready(pod), restarts, pod["metadata"]["creationTimestamp"]


def reconcile(store: Store, replica_set: Object, now: float) -> None:
    """Makes or deletes pods until there are as many as wanted, and writes the status."""
    pods = living(store, replica_set)
    wanted, name = replica_set["spec"].get("replicas", 1), replica_set["metadata"]["name"]
    for _ in range(wanted - len(pods)):
        pod = make_pod(store, replica_set, f"{name}-{suffix(name + str(store.revision))}", now)
        emit(store, now, replica_set, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", "replicaset-controller")
    for pod in sorted(pods, key=_expendable, reverse=True)[:max(0, len(pods) - wanted)]:
        store.mark_deleted("pods", pod, now, pod["spec"].get("terminationGracePeriodSeconds", 30))
        emit(store, now, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", "replicaset-controller")
    pods = living(store, replica_set)
    ready = sum(map(is_ready, pods))

    def write(found: Object) -> None:
        status = {"replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready,
                  "observedGeneration": found["metadata"]["generation"]}
        found["status"] = {key: value for key, value in status.items() if value or key in ("replicas", "observedGeneration")}
    store.edit("replicasets", replica_set, write)
