"""Discovery, both ways: the aggregated documents that kubectl asks for, and the older ones that libraries still read."""

from __future__ import annotations

from typing import Any

from .resources import SUB_VERBS, Resource, groups, in_group

GIT_VERSION = "v1.32.4"


def version() -> dict[str, str]:
    """`/version`."""
    return {"major": "1", "minor": "32", "gitVersion": GIT_VERSION, "gitCommit": "0" * 40, "gitTreeState": "clean",
            "buildDate": "2025-04-22T15:54:33Z", "goVersion": "go1.23.6", "compiler": "gc", "platform": "linux/amd64"}


def _kind_of(resource: Resource, sub: str) -> tuple[str, str, str]:
    return ("autoscaling", "v1", "Scale") if sub == "scale" else (resource.group, resource.version, resource.kind)


def legacy_resources(group: str, version_name: str) -> dict[str, Any]:
    """APIResourceList of one group version."""
    found: list[dict[str, Any]] = []
    for entry in in_group(group, version_name):
        found.append({"name": entry.plural, "singularName": entry.singular, "namespaced": entry.namespaced, "kind": entry.kind,
                      "verbs": list(entry.verbs), "shortNames": list(entry.short), "categories": list(entry.categories)})
        for sub in entry.subresources:
            sub_group, sub_version, kind = _kind_of(entry, sub)
            found.append({"name": f"{entry.plural}/{sub}", "singularName": "", "namespaced": entry.namespaced, "group": sub_group,
                          "version": sub_version, "kind": kind, "verbs": ["get"] if sub == "log" else list(SUB_VERBS)})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version_name}" if group else version_name,
            "resources": found}


def legacy_group(group: str) -> dict[str, Any]:
    """APIGroup."""
    versions = [{"groupVersion": f"{group}/{entry}", "version": entry} for entry in groups()[group]]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": versions, "preferredVersion": versions[0]}


def legacy_groups() -> dict[str, Any]:
    """APIGroupList."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [legacy_group(name) for name in groups()]}


def core_versions() -> dict[str, Any]:
    """`/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _aggregated(group: str, version_name: str) -> dict[str, Any]:
    found = []
    for entry in in_group(group, version_name):
        subs = [{"subresource": sub, "responseKind": dict(zip(("group", "version", "kind"), _kind_of(entry, sub))),
                 "verbs": ["get"] if sub == "log" else list(SUB_VERBS)} for sub in entry.subresources]
        found.append({"resource": entry.plural, "responseKind": {"group": group, "version": version_name, "kind": entry.kind},
                      "scope": "Namespaced" if entry.namespaced else "Cluster", "singularResource": entry.singular,
                      "verbs": list(entry.verbs), "shortNames": list(entry.short), "categories": list(entry.categories),
                      "subresources": subs})
    return {"version": version_name, "resources": found, "freshness": "Current"}


def aggregated(core: bool, flavour: str) -> dict[str, Any]:
    """APIGroupDiscoveryList of `/api` (core) or `/apis`; flavour is v2 or v2beta1."""
    wanted = {"": ["v1"]} if core else groups()
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{flavour}", "metadata": {},
            "items": [{"metadata": {"name": name} if name else {}, "versions": [_aggregated(name, entry) for entry in versions]}
                      for name, versions in wanted.items()]}


def openapi_index() -> dict[str, Any]:
    """`/openapi/v3`: where the document of each group version is."""
    found = {"api/v1": "/openapi/v3/api/v1"}
    for group, versions in groups().items():
        for entry in versions:
            found[f"apis/{group}/{entry}"] = f"/openapi/v3/apis/{group}/{entry}"
    return {"paths": {name: {"serverRelativeURL": url} for name, url in found.items()}}


def openapi_document(group: str, version_name: str) -> dict[str, Any]:
    """A document that says no more than kubectl looks for: that writes take `fieldValidation` and `dryRun`."""
    prefix = f"/apis/{group}/{version_name}" if group else f"/api/{version_name}"
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldManager", "fieldValidation")]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for entry in in_group(group, version_name):
        kind = {"group": group, "version": version_name, "kind": entry.kind}
        base = f"{prefix}/{'namespaces/{namespace}/' if entry.namespaced else ''}{entry.plural}"
        for path, verbs in ((base, ("post",)), (base + "/{name}", ("patch", "put"))):
            paths[path] = {verb: {"parameters": parameters, "x-kubernetes-group-version-kind": kind,
                                  "x-kubernetes-action": verb} for verb in verbs}
        dotted = ".".join(reversed((group or "core").split(".")))
        schemas[f"{dotted}.{version_name}.{entry.kind}"] = {"type": "object", "x-kubernetes-group-version-kind": [kind],
                                                           "x-kubernetes-preserve-unknown-fields": True}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": GIT_VERSION}, "paths": paths,
            "components": {"schemas": schemas}}
