"""Defaults and checks of writes, as far as people notice them: wrong objects get 422 with the field that is wrong."""

from __future__ import annotations

import re

from .replicas import pod_defaults
from .resources import Resource
from .selectors import matches
from .status import invalid
from .store import Object

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_SUBDOMAIN = ("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
              "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
              "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
_WORKLOADS = {"deployments", "replicasets", "statefulsets", "daemonsets"}
Cause = tuple[str, str, str]


def prepare(resource: Resource, wish: Object) -> None:
    """Fills in defaults, in place, where clients rely on them."""
    spec = wish.get("spec")
    if not isinstance(spec, dict):
        return
    if resource.plural == "pods" and isinstance(spec.get("containers"), list):
        pod_defaults(spec)
        wish.setdefault("status", {"phase": "Pending"})
    if resource.plural in _WORKLOADS:
        if resource.plural != "daemonsets" and spec.get("replicas") is None:
            spec["replicas"] = 1
        if isinstance(spec.get("template", {}).get("spec", {}).get("containers"), list):
            pod_defaults(spec["template"]["spec"])
    if resource.plural == "deployments":
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
        strategy = spec.setdefault("strategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxSurge", "25%")
            rolling.setdefault("maxUnavailable", "25%")
    if resource.plural in ("statefulsets", "daemonsets"):
        rolling = {"partition": 0} if resource.plural == "statefulsets" else {"maxSurge": 0, "maxUnavailable": 1}
        spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
        spec.setdefault("revisionHistoryLimit", 10)


def check(resource: Resource, wish: Object, before: Object | None = None) -> None:
    """Raises 422 with all that is wrong."""
    causes: list[Cause] = []
    meta = wish.get("metadata") or {}
    name = meta.get("name") or ""
    if not name and not meta.get("generateName"):
        causes.append(("FieldValueRequired", "Required value: name or generateName is required", "metadata.name"))
    elif name and (not _NAME.match(name) or len(name) > 253):
        causes.append(("FieldValueInvalid", f'Invalid value: "{name}": {_SUBDOMAIN}', "metadata.name"))
    spec = wish.get("spec") or {}
    if resource.plural == "pods":
        causes += _containers(spec, "spec")
    if resource.plural in _WORKLOADS:
        causes += _workload(spec, before)
    if causes:
        raise invalid(resource, name, causes)


def _workload(spec: Object, before: Object | None) -> list[Cause]:
    causes: list[Cause] = []
    replicas = spec.get("replicas", 1)
    if not isinstance(replicas, int) or replicas < 0:
        causes.append(("FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0", "spec.replicas"))
    template, selector = spec.get("template") or {}, spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        causes.append(("FieldValueRequired", "Required value", "spec.selector"))
    elif not matches(selector, labels):
        causes.append(("FieldValueInvalid", f"Invalid value: {labels}: `selector` does not match template `labels`",
                       "spec.template.metadata.labels"))
    if before and before["spec"].get("selector") != selector:
        causes.append(("FieldValueInvalid", "Invalid value: field is immutable", "spec.selector"))
    return causes + _containers(template.get("spec") or {}, "spec.template.spec")


def _containers(spec: Object, where: str) -> list[Cause]:
    containers = spec.get("containers")
    if not containers:
        return [("FieldValueRequired", "Required value", f"{where}.containers")]
    return [("FieldValueRequired", "Required value", f"{where}.containers[{index}].{key}")
            for index, entry in enumerate(containers) for key in ("name", "image") if not entry.get(key)]
