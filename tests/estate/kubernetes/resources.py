"""The table of what this API server serves. Discovery, routing, tables and validation all read it."""

from __future__ import annotations

from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SUB_VERBS = ("get", "patch", "update")


@dataclass(frozen=True)
class Resource:
    """One resource type. `fields` are the field selectors that it knows beside metadata.name and metadata.namespace."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS

    @property
    def api_version(self) -> str:
        """As in an object's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As in messages: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        """As discovery names it."""
        return self.kind.lower()


_EVENT_FIELDS = tuple(f"involvedObject.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")) + (
    "reason", "type", "reportingComponent")

RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "namespaces", "Namespace", False, ("ns",), (), ("status",), ("status.phase",)),
    Resource("", "v1", "nodes", "Node", False, ("no",), (), ("status",), ("spec.unschedulable",)),
    Resource("", "v1", "pods", "Pod", True, ("po",), ("all",), ("status", "log"),
             ("spec.nodeName", "status.phase", "spec.restartPolicy", "spec.serviceAccountName", "status.podIP")),
    Resource("", "v1", "events", "Event", True, ("ev",), (), (), _EVENT_FIELDS),
    Resource("", "v1", "services", "Service", True, ("svc",), ("all",), ("status",), ("spec.type", "spec.clusterIP")),
    Resource("", "v1", "endpoints", "Endpoints", True, ("ep",)),
    Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Resource("", "v1", "secrets", "Secret", True, (), (), (), ("type",)),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",)),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), (), ("status",)),
    Resource("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",), (), ("status",)),
    Resource("", "v1", "limitranges", "LimitRange", True, ("limits",)),
    Resource("apps", "v1", "deployments", "Deployment", True, ("deploy",), ("all",), ("status", "scale")),
    Resource("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",), ("all",), ("status", "scale"), ("status.replicas",)),
    Resource("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",), ("all",), ("status", "scale")),
    Resource("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), ("all",), ("status",)),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision"),
    Resource("batch", "v1", "jobs", "Job", True, (), ("all",), ("status",)),
    Resource("batch", "v1", "cronjobs", "CronJob", True, ("cj",), ("all",), ("status",)),
    Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ("hpa",), ("all",), ("status",)),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", True, ("ing",), (), ("status",)),
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), (), ("status",)),
    Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False, verbs=("create",)),
    Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False, verbs=("create",)),
)

_BY_PATH = {(entry.group, entry.version, entry.plural): entry for entry in RESOURCES}
_BY_PLURAL = {entry.plural: entry for entry in RESOURCES}


def find(group: str, version: str, plural: str) -> Resource | None:
    """The resource at an API path, if served."""
    return _BY_PATH.get((group, version, plural))


def named(plural: str) -> Resource:
    """The resource of a plural; plurals are unique here. KeyError when unknown."""
    return _BY_PLURAL[plural]


def groups() -> dict[str, list[str]]:
    """Named groups and their versions, in table order; the core group is not among them."""
    found: dict[str, list[str]] = {}
    for entry in RESOURCES:
        if entry.group and entry.version not in found.setdefault(entry.group, []):
            found[entry.group].append(entry.version)
    return found


def in_group(group: str, version: str) -> list[Resource]:
    """What one group version serves."""
    return [entry for entry in RESOURCES if (entry.group, entry.version) == (group, version)]
