"""Server-side tables: what `kubectl get` prints. One function for each kind gives the cells in the order of its columns."""

from __future__ import annotations

from typing import Any, Callable

from ..clock import seconds_of
from .resources import Resource
from .selectors import selector_text
from .store import Object, condition

Cells = Callable[[Object, float], list[Any]]
Columns = tuple[tuple[str, int], ...]  # (name, priority); priority 1 shows with -o wide


def age(seconds: float) -> str:
    """A duration as kubectl words it: 45s, 3m12s, 27m, 5h3m, 26h, 3d4h, 12d."""
    total = max(0, int(seconds))
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return f"{minutes}m{total % 60}s" if total % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d"


def _since(text: str | None, now: float) -> str:
    return age(now - seconds_of(text)) if text else "<unknown>"


def _created(found: Object, now: float) -> str:
    return _since(found["metadata"].get("creationTimestamp"), now)


def pod_reason(pod: Object) -> str:
    """The STATUS of a pod, by the printer's rules."""
    status = pod.get("status", {})
    reason = status.get("reason") or status.get("phase", "Unknown")
    for entry in status.get("containerStatuses", ()):
        state = entry.get("state", {})
        if state.get("waiting", {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif "terminated" in state:
            reason = state["terminated"].get("reason") or f"ExitCode:{state['terminated']['exitCode']}"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else reason


def _pod(pod: Object, now: float) -> list[Any]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    restarts = sum(entry["restartCount"] for entry in statuses)
    ends = [seconds_of(ended["finishedAt"]) for entry in statuses if (ended := entry.get("lastState", {}).get("terminated"))]
    told = f"{restarts} ({age(now - max(ends))} ago)" if restarts and ends else str(restarts)
    ready = sum(entry["ready"] for entry in statuses)
    return [pod["metadata"]["name"], f"{ready}/{len(pod['spec']['containers'])}", pod_reason(pod), told, _created(pod, now),
            pod.get("status", {}).get("podIP", "<none>"), pod["spec"].get("nodeName", "<none>"), "<none>", "<none>"]


def _images(found: Object) -> list[str]:
    containers = found["spec"]["template"]["spec"]["containers"]
    return [",".join(entry["name"] for entry in containers), ",".join(entry["image"] for entry in containers)]


def _deployment(found: Object, now: float) -> list[Any]:
    status = found.get("status", {})
    return [found["metadata"]["name"], f"{status.get('readyReplicas', 0)}/{found['spec'].get('replicas', 1)}",
            status.get("updatedReplicas", 0), status.get("availableReplicas", 0), _created(found, now), *_images(found),
            selector_text(found["spec"]["selector"])]


def _replica_set(found: Object, now: float) -> list[Any]:
    status = found.get("status", {})
    return [found["metadata"]["name"], found["spec"].get("replicas", 1), status.get("replicas", 0), status.get("readyReplicas", 0),
            _created(found, now), *_images(found), selector_text(found["spec"]["selector"])]


def _stateful_set(found: Object, now: float) -> list[Any]:
    ready = found.get("status", {}).get("readyReplicas", 0)
    return [found["metadata"]["name"], f"{ready}/{found['spec'].get('replicas', 1)}", _created(found, now), *_images(found)]


def _daemon_set(found: Object, now: float) -> list[Any]:
    status = found.get("status", {})
    counts = [status.get(key, 0) for key in ("desiredNumberScheduled", "currentNumberScheduled", "numberReady",
                                             "updatedNumberScheduled", "numberAvailable")]
    node_selector = selector_text(found["spec"]["template"]["spec"].get("nodeSelector"))
    return [found["metadata"]["name"], *counts, node_selector, _created(found, now), *_images(found),
            selector_text(found["spec"]["selector"])]


def _node(node: Object, now: float) -> list[Any]:
    ready = condition(node, "Ready")
    state = {"True": "Ready", "False": "NotReady"}.get(ready["status"] if ready else "", "Unknown")
    if node["spec"].get("unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = ",".join(sorted(label[len(prefix):] for label in node["metadata"].get("labels", {}) if label.startswith(prefix)))
    info = node["status"]["nodeInfo"]
    internal = next((entry["address"] for entry in node["status"]["addresses"] if entry["type"] == "InternalIP"), "<none>")
    return [node["metadata"]["name"], state, roles or "<none>", _created(node, now), info["kubeletVersion"], internal, "<none>",
            info["osImage"], info["kernelVersion"], info["containerRuntimeVersion"]]


def _event(event: Object, now: float) -> list[Any]:
    about, source = event["involvedObject"], event.get("source", {})
    last, first, count = event.get("lastTimestamp"), event.get("firstTimestamp"), event.get("count", 1)
    seen = f"{_since(last, now)} (x{count} over {_since(first, now)})" if count > 1 else _since(last, now)
    where = f"{source.get('component', '')}{', ' + source['host'] if source.get('host') else ''}"
    return [seen, event["type"], event["reason"], f"{about['kind'].lower()}/{about['name']}", about.get("fieldPath", ""), where,
            event["message"].strip(), _since(first, now), count, event["metadata"]["name"]]


def _service(found: Object, now: float) -> list[Any]:
    spec = found["spec"]
    ports = ",".join(f"{port['port']}{':%d' % port['nodePort'] if 'nodePort' in port else ''}/{port.get('protocol', 'TCP')}"
                     for port in spec.get("ports", ())) or "<none>"
    external = ",".join(entry.get("ip", entry.get("hostname", "")) for entry in
                        found.get("status", {}).get("loadBalancer", {}).get("ingress", ())) or "<none>"
    return [found["metadata"]["name"], spec.get("type", "ClusterIP"), spec.get("clusterIP", "<none>"), external, ports,
            _created(found, now), selector_text(spec.get("selector"))]


_WORKLOAD = (("Containers", 1), ("Images", 1), ("Selector", 1))
_TABLES: dict[str, tuple[Columns, Cells]] = {
    "pods": ((("Name", 0), ("Ready", 0), ("Status", 0), ("Restarts", 0), ("Age", 0), ("IP", 1), ("Node", 1), ("Nominated Node", 1),
              ("Readiness Gates", 1)), _pod),
    "deployments": ((("Name", 0), ("Ready", 0), ("Up-to-date", 0), ("Available", 0), ("Age", 0), *_WORKLOAD), _deployment),
    "replicasets": ((("Name", 0), ("Desired", 0), ("Current", 0), ("Ready", 0), ("Age", 0), *_WORKLOAD), _replica_set),
    "statefulsets": ((("Name", 0), ("Ready", 0), ("Age", 0), *_WORKLOAD[:2]), _stateful_set),
    "daemonsets": ((("Name", 0), ("Desired", 0), ("Current", 0), ("Ready", 0), ("Up-to-date", 0), ("Available", 0),
                    ("Node Selector", 0), ("Age", 0), *_WORKLOAD), _daemon_set),
    "nodes": ((("Name", 0), ("Status", 0), ("Roles", 0), ("Age", 0), ("Version", 0), ("Internal-IP", 1), ("External-IP", 1),
               ("OS-Image", 1), ("Kernel-Version", 1), ("Container-Runtime", 1)), _node),
    "events": ((("Last Seen", 0), ("Type", 0), ("Reason", 0), ("Object", 0), ("Subobject", 1), ("Source", 1), ("Message", 0),
                ("First Seen", 1), ("Count", 1), ("Name", 1)), _event),
    "services": ((("Name", 0), ("Type", 0), ("Cluster-IP", 0), ("External-IP", 0), ("Port(s)", 0), ("Age", 0), ("Selector", 1)), _service),
    "namespaces": ((("Name", 0), ("Status", 0), ("Age", 0)), lambda found, now: [
        found["metadata"]["name"], found.get("status", {}).get("phase", "Active"), _created(found, now)]),
    "configmaps": ((("Name", 0), ("Data", 0), ("Age", 0)), lambda found, now: [
        found["metadata"]["name"], len(found.get("data") or {}), _created(found, now)]),
    "secrets": ((("Name", 0), ("Type", 0), ("Data", 0), ("Age", 0)), lambda found, now: [
        found["metadata"]["name"], found.get("type", "Opaque"), len(found.get("data") or {}), _created(found, now)]),
}
_PLAIN: tuple[Columns, Cells] = ((("Name", 0), ("Created At", 0)), lambda found, now: [
    found["metadata"]["name"], found["metadata"]["creationTimestamp"]])
_NUMBERS = {"Up-to-date", "Available", "Desired", "Current", "Data", "Count"}


def table(resource: Resource, entries: list[Object], now: float, meta: dict[str, Any], include: str = "Metadata") -> dict[str, Any]:
    """A meta.k8s.io/v1 Table; `include` is what each row carries along: Metadata, Object or None."""
    columns, cells = _TABLES.get(resource.plural, _PLAIN)
    rows = []
    for entry in entries:
        row: dict[str, Any] = {"cells": cells(entry, now)}
        if include == "Object":
            row["object"] = entry
        elif include != "None":
            row["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": entry["metadata"]}
        rows.append(row)
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "rows": rows, "columnDefinitions": [
        {"name": name, "type": "integer" if name in _NUMBERS and resource.plural != "events" else "string",
         "format": "name" if name == "Name" else "", "description": "", "priority": priority} for name, priority in columns]}
