"""The controllers' round: looks at everything, corrects a little, and says whether there may be more to do."""

from __future__ import annotations

from typing import Any

from . import daemons, deployments, replicas
from .events import forget_old
from .store import Object, Store


class Controllers:
    """Runs the control loops until nothing changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = -1

    def reconcile(self, now: float) -> None:
        """Cheap when nothing has happened since the last time."""
        if self._seen == self._store.workload_revision:
            return
        for _ in range(100):
            before = self._store.workload_revision
            self._collect_garbage()
            for deployment in self._store.list("deployments"):
                deployments.reconcile(self._store, deployment, now)
            for replica_set in self._store.list("replicasets"):
                replicas.reconcile(self._store, replica_set, now)
            for kind, loop in (("statefulsets", daemons.reconcile_stateful), ("daemonsets", daemons.reconcile_daemon)):
                for found in self._store.list(kind):
                    loop(self._store, found, now)
            self._endpoints(now)
            if self._store.workload_revision == before:
                break
        forget_old(self._store, now)
        self._seen = self._store.workload_revision

    def due(self, now: float) -> float | None:
        """The next deadline of a rollout."""
        times = (deployments.deadline(entry) for entry in self._store.each("deployments"))
        return min((time for time in times if time is not None and time > now), default=None)

    def at_deadline(self) -> None:
        """Makes the next round look even though no object changed."""
        self._seen = -1

    def _collect_garbage(self) -> None:
        """Removes what has an owner that is gone."""
        alive = {entry["metadata"]["uid"] for kept in self._store.objects.values() for entry in kept.values()}
        for plural in ("replicasets", "controllerrevisions", "pods", "endpointslices"):
            for entry in self._store.each(plural):
                owners = entry["metadata"].get("ownerReferences") or ()
                if owners and not any(owner["uid"] in alive for owner in owners):
                    self._store.remove(plural, entry)

    def _endpoints(self, now: float) -> None:
        """One EndpointSlice and one Endpoints for each Service with a selector."""
        for service in self._store.each("services"):
            selector = service["spec"].get("selector")
            if not selector:
                continue
            namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
            pods = [pod for pod in self._store.list("pods", namespace) if pod.get("status", {}).get("podIP")
                    and all((pod["metadata"].get("labels") or {}).get(key) == value for key, value in selector.items())]
            self._slice(service, pods, now)
            ready = [{"ip": pod["status"]["podIP"]} for pod in pods if replicas.is_ready(pod)]
            waiting = [{"ip": pod["status"]["podIP"]} for pod in pods if not replicas.is_ready(pod)]
            ports = [{"port": port.get("targetPort", port["port"]), "protocol": port.get("protocol", "TCP"),
                      **({"name": port["name"]} if "name" in port else {})} for port in service["spec"].get("ports", ())]
            subset: dict[str, Any] = {"ports": ports}
            if ready:
                subset["addresses"] = ready
            if waiting:
                subset["notReadyAddresses"] = waiting
            subsets = [subset] if pods else []
            self._put("endpoints", {"metadata": {"name": name, "namespace": namespace}, "subsets": subsets}, now)

    def _slice(self, service: Object, pods: list[Object], now: float) -> None:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        endpoints = [{"addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"].get("nodeName"),
                      "conditions": {key: replicas.is_ready(pod) for key in ("ready", "serving")} | {"terminating": False},
                      "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"],
                                    "uid": pod["metadata"]["uid"]}} for pod in pods]
        self._put("endpointslices", {
            "metadata": {"name": f"{name}-estate", "namespace": namespace, "labels": {"kubernetes.io/service-name": name},
                         "ownerReferences": [replicas.owner_reference(service)]},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": port.get("name", ""), "port": port.get("targetPort", port["port"]),
                       "protocol": port.get("protocol", "TCP")} for port in service["spec"].get("ports", ())]}, now)

    def _put(self, plural: str, wish: Object, now: float) -> None:
        known = self._store.find(plural, wish["metadata"]["namespace"], wish["metadata"]["name"])
        if known is None:
            self._store.create(plural, wish, now)
        else:
            self._store.replace(plural, {**known, **{key: value for key, value in wish.items() if key != "metadata"}})
