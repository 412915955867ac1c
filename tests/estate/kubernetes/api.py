"""The API server: from a request to an answer."""

from __future__ import annotations

import json
from typing import Any, Callable

from ..faults import Fault
from ..web import Request, Response
from . import discovery, logs, patches, protobuf, selectors, tables
from .access import User, review_access, review_self, user_of
from .paths import Target, make_token, parse_path, read_token
from .resources import Resource
from .status import ApiError, conflict, forbidden, status_object
from .store import Object, clone
from .validation import check, prepare
from .watch import Watch

_OPEN_PATHS = {"/healthz", "/livez", "/readyz", "/version"}


class KubernetesApi:
    """Serves a world. One lock around everything that touches the store."""

    def __init__(self, world: Any, tokens: dict[str, User]) -> None:
        self._world, self._tokens = world, tokens

    def answer(self, request: Request) -> Response:
        """Never raises for what a client may do wrong."""
        try:
            return self._route(request)
        except ApiError as problem:
            return Response.of(problem.status, problem.code, **problem.headers)
        except json.JSONDecodeError as problem:
            return Response.of(status_object(400, f"the object provided is unrecognized (must be of type JSON): {problem}"), 400)

    def fault_answer(self, request: Request, fault: Fault) -> Response:
        """A fault as this API server would word it."""
        if fault.kind == "expired_token":
            return Response.of(status_object(401, "Unauthorized"), 401)
        if fault.kind == "forbidden":
            target = parse_path(request.path)
            if target:
                refused = forbidden("operator", request.method.lower(), target.resource, target.namespace, target.name)
                return Response.of(refused.status, 403)
            return Response.of(status_object(403, f'forbidden: User "operator" cannot {request.method.lower()} path "{request.path}"'), 403)
        if fault.kind == "rate_limit":
            return Response.of(status_object(429, "too many requests, please try again later", "TooManyRequests",
                                             {"retryAfterSeconds": 1}), 429, Retry_After=str(fault.value or 1))
        code = int(fault.value or 503)
        return Response.of(status_object(code, "a fault of the estate"), code)

    def _route(self, request: Request) -> Response:
        path = request.path
        if path in _OPEN_PATHS:
            return Response.of(discovery.version()) if path == "/version" else Response(200, b"ok", {"Content-Type": "text/plain"})
        user = user_of(request, self._tokens)
        request.user = user.name
        found = self._discover(request)
        if found is not None:
            return found
        target = parse_path(path)
        if target is None:
            raise ApiError(404, "the server could not find the requested resource", "NotFound")
        return self._serve(request, user, target)

    def _discover(self, request: Request) -> Response | None:
        path, accept = request.path.rstrip("/"), request.headers.get("Accept") or ""
        parts = path.strip("/").split("/")
        if path in ("/api", "/apis"):
            for flavour in ("v2", "v2beta1"):
                if f"v={flavour};" in accept + ";" and "APIGroupDiscoveryList" in accept:
                    return Response.of(discovery.aggregated(path == "/api", flavour), 200, Content_Type=(
                        f"application/json;g=apidiscovery.k8s.io;v={flavour};as=APIGroupDiscoveryList"))
            return Response.of(discovery.core_versions() if path == "/api" else discovery.legacy_groups())
        if path == "/openapi/v3":
            return Response.of(discovery.openapi_index())
        if path.startswith("/openapi/v3/"):
            return Response.of(discovery.openapi_document(*(("", parts[-1]) if parts[2] == "api" else (parts[-2], parts[-1]))))
        if parts[0] == "api" and len(parts) == 2 and parts[1] == "v1":
            return Response.of(discovery.legacy_resources("", "v1"))
        if parts[0] == "apis" and len(parts) == 2 and parts[1] in discovery.groups():
            return Response.of(discovery.legacy_group(parts[1]))
        if parts[0] == "apis" and len(parts) == 3 and parts[2] in discovery.groups().get(parts[1], ()):
            return Response.of(discovery.legacy_resources(parts[1], parts[2]))
        return None

    def _serve(self, request: Request, user: User, target: Target) -> Response:
        watching = request.query.get("watch") in ("true", "1")
        verb = {"GET": "get" if target.name else "list", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch",
                "DELETE": "delete" if target.name else "deletecollection"}[request.method]
        verb = "watch" if watching and verb in ("get", "list") else verb
        if not user.may(verb, target.resource.plural, target.sub):
            raise forbidden(user.name, verb, target.resource, target.namespace, target.name)
        if verb not in target.resource.verbs:
            raise ApiError(405, "the server does not allow this method on the requested resource", "MethodNotAllowed")
        if target.resource.plural.startswith("selfsubject"):
            if "access" not in target.resource.plural:
                return Response.of(review_self(user), 201)
            asked = protobuf.access_review(request.body) if request.body.startswith(protobuf.MAGIC) else request.json()
            return Response.of(review_access(user, asked), 201)
        with self._world.lock:
            self._world.settle()
            if verb == "watch":
                return self._watch(request, target)
            if target.sub == "log":
                return self._log(request, target)
            answer = getattr(self, "_" + verb)(request, target)
            if request.method in ("POST", "PUT", "PATCH", "DELETE"):
                self._world.settle()
                self._world.save()
            return answer

    # Reading.

    def _shape(self, request: Request, resource: Resource) -> Callable[[Object], Any]:
        """How a single object is shown: whole, as a table of one row, or as metadata only."""
        accept = request.headers.get("Accept") or ""
        if "as=Table" in accept:
            include = request.query.get("includeObject", "Metadata")

            def shape(found: Object) -> Any:
                return tables.table(resource, [found], self._world.time, {"resourceVersion": found["metadata"]["resourceVersion"]}, include)
            shape.tabular = True  # type: ignore[attr-defined]
            return shape
        if "as=PartialObjectMetadata" in accept:
            return lambda found: {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}
        return lambda found: found

    def _one(self, request: Request, target: Target, found: Object, status: int = 200) -> Response:
        if target.sub == "scale":
            found = scale_of(found)
            body: Any = found
        else:
            body = self._shape(request, target.resource)(found)
        return Response(status, json.dumps(body).encode(), {"Content-Type": "application/json"},
                        resource_version=found["metadata"].get("resourceVersion"))

    def _get(self, request: Request, target: Target) -> Response:
        return self._one(request, target, self._world.store.get(target.resource.plural, target.namespace, target.name))

    def _list(self, request: Request, target: Target) -> Response:
        resource, query, store = target.resource, request.query, self._world.store
        test = selectors.selected(resource, query)
        found = [entry for entry in store.list(resource.plural, target.namespace) if test(entry)]
        meta: dict[str, Any] = {"resourceVersion": str(store.revision)}
        if query.get("continue"):
            start, meta["resourceVersion"] = read_token(query["continue"], store.oldest)
            found = [entry for entry in found if (entry["metadata"].get("namespace", ""), entry["metadata"]["name"]) > start]
        limit = int(query.get("limit") or 0)
        if limit and len(found) > limit:
            last = found[limit - 1]["metadata"]
            meta["continue"] = make_token((last.get("namespace", ""), last["name"]), meta["resourceVersion"])
            if not (query.get("labelSelector") or query.get("fieldSelector")):
                meta["remainingItemCount"] = len(found) - limit
            found = found[:limit]
        accept = request.headers.get("Accept") or ""
        if "as=Table" in accept:
            return Response.of(tables.table(resource, found, self._world.time, meta, query.get("includeObject", "Metadata")))
        if "as=PartialObjectMetadataList" in accept:
            return Response.of({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta,
                                "items": [{"metadata": entry["metadata"]} for entry in found]})
        return Response.of({"kind": resource.kind + "List", "apiVersion": resource.api_version, "metadata": meta, "items": [
            {key: value for key, value in entry.items() if key not in ("kind", "apiVersion")} for entry in found]})

    def _watch(self, request: Request, target: Target) -> Response:
        query = dict(request.query)
        if target.name:
            query["fieldSelector"] = ",".join(filter(None, [query.get("fieldSelector"), f"metadata.name={target.name}"]))
        test = selectors.selected(target.resource, query)
        watch = Watch(self._world, target.resource, target.namespace, test, query, self._shape(request, target.resource))
        return Response(200, headers={"Content-Type": "application/json"}, stream=watch.lines())

    def _log(self, request: Request, target: Target) -> Response:
        store, query = self._world.store, request.query
        reader = logs.Logs(self._world.kubelet)
        pod = store.get("pods", target.namespace, target.name)
        lines = reader.lines(pod, query, self._world.time)
        headers = {"Content-Type": "text/plain"}
        if query.get("follow") != "true" or query.get("previous") == "true":
            return Response(200, logs.cut(lines, query, self._world.time), headers)

        def read() -> Any:
            with self._world.lock:
                self._world.settle()
                now_there = store.find("pods", target.namespace, target.name)
                if now_there is None or self._world.stopping:
                    return None
                return reader.lines(now_there, query, self._world.time), self._world.time
        return Response(200, headers=headers, stream=logs.follow(read, query))

    # Writing.

    def _dry(self, request: Request) -> bool:
        asked = request.query.get("dryRun")
        if asked not in (None, "", "All"):
            raise ApiError(400, f'Invalid value: "{asked}": dryRun: Unsupported value: supported values: "All"')
        return asked == "All"

    def _body(self, request: Request) -> Any:
        if "protobuf" in (request.headers.get("Content-Type") or ""):
            raise ApiError(415, "the body of the request was in an unknown format - accepted media types include: application/json")
        found = request.json()
        if not isinstance(found, (dict, list)):
            raise ApiError(400, "the body is not an object")
        return found

    def _create(self, request: Request, target: Target) -> Response:
        resource, wish = target.resource, self._body(request)
        wish.setdefault("metadata", {})
        if wish.get("kind", resource.kind) != resource.kind:
            raise ApiError(400, f"{wish['kind']} in version \"{wish.get('apiVersion')}\" cannot be handled as a {resource.kind}")
        if resource.namespaced:
            if wish["metadata"].setdefault("namespace", target.namespace) != target.namespace:
                raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
            self._world.store.get("namespaces", "", target.namespace)
        if wish["metadata"].get("resourceVersion"):
            raise ApiError(400, "resourceVersion should not be set on objects to be created")
        prepare(resource, wish)
        check(resource, wish)
        if resource.plural in ("deployments", "statefulsets", "daemonsets", "replicasets"):
            wish.pop("status", None)
        made = self._world.store.create(resource.plural, wish, self._world.time, self._dry(request))
        return self._one(request, target, made, 201)

    def _update(self, request: Request, target: Target) -> Response:
        wish, before = self._body(request), self._before(target)
        if wish.get("metadata", {}).get("name") != target.name:
            raise ApiError(400, f"the name of the object ({wish.get('metadata', {}).get('name')}) does not match the name on the URL "
                                f"({target.name})")
        return self._write(request, target, before, wish)

    def _patch(self, request: Request, target: Target) -> Response:
        kind, patch = (request.headers.get("Content-Type") or "").split(";")[0], self._body(request)
        if kind == "application/apply-patch+yaml":
            return self._apply(request, target, patch)
        before = self._before(target)
        seen = scale_of(before) if target.sub == "scale" else before
        if kind == "application/json-patch+json":
            wish = patches.json_patch(seen, patch)
        elif kind == "application/merge-patch+json":
            wish = patches.merge_patch(seen, patch)
        elif kind == "application/strategic-merge-patch+json":
            wish = patches.strategic_patch(seen, patch)
        else:
            raise ApiError(415, f"the body of the request was in an unknown format - accepted media types include: "
                                f"application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml (got {kind})")
        return self._write(request, target, before, wish)

    def _apply(self, request: Request, target: Target, patch: Object) -> Response:
        """Server-side apply, without the bookkeeping of who owns which field."""
        before = self._world.store.find(target.resource.plural, target.namespace, target.name)
        if not request.query.get("fieldManager"):
            raise ApiError(400, "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")
        if before is None:
            return self._create(request, target)
        return self._write(request, target, before, patches.strategic_patch(before, patch))

    def _before(self, target: Target) -> Object:
        return self._world.store.get(target.resource.plural, target.namespace, target.name)

    def _write(self, request: Request, target: Target, before: Object, wish: Object) -> Response:
        """Puts `wish` in the place of `before`: subresources touch only their part, the main path never the status."""
        wish, resource = clone(wish), target.resource
        asked_version = wish.get("metadata", {}).get("resourceVersion")
        if asked_version and asked_version != before["metadata"]["resourceVersion"]:
            raise conflict(resource, target.name)
        if target.sub == "scale":
            replicas = wish.get("spec", {}).get("replicas", 0)
            wish = {**clone(before)}
            wish["spec"]["replicas"] = replicas
        elif target.sub == "status":
            wish = {**clone(before), "status": wish.get("status")}
        elif "status" in resource.subresources and "status" in before:
            wish["status"] = before["status"]
        meta = wish.setdefault("metadata", {})
        meta["name"] = target.name
        if resource.namespaced:
            meta["namespace"] = target.namespace
        meta["resourceVersion"] = asked_version or before["metadata"]["resourceVersion"]
        prepare(resource, wish)
        check(resource, wish, before)
        return self._one(request, target, self._world.store.replace(resource.plural, wish, self._dry(request)))

    def _delete(self, request: Request, target: Target) -> Response:
        found = self._before(target)
        options = request.json() if request.body else {}
        wanted = options.get("preconditions") or {}
        for key in ("uid", "resourceVersion"):
            if wanted.get(key) and wanted[key] != found["metadata"][key]:
                raise conflict(target.resource, target.name)
        if options.get("dryRun") or self._dry(request):
            return Response.of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        grace = options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
        gone = self._remove(target.resource, found, None if grace is None else int(grace), options)
        if target.resource.plural == "pods":
            return self._one(request, target, gone)
        return Response.of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": {
            "name": target.name, "group": target.resource.group, "kind": target.resource.plural, "uid": found["metadata"]["uid"]}})

    def _remove(self, resource: Resource, found: Object, grace: int | None, options: Object) -> Object:
        store = self._world.store
        if resource.plural == "pods" and grace != 0:
            return store.mark_deleted("pods", found, self._world.time,
                                      grace if grace is not None else found["spec"].get("terminationGracePeriodSeconds", 30))
        if options.get("propagationPolicy") == "Orphan":
            for plural in ("replicasets", "pods"):
                for child in store.owned(plural, found):
                    store.edit(plural, child, lambda entry: entry["metadata"].pop("ownerReferences"))
        if resource.plural == "namespaces":
            for plural in list(store.objects):
                for entry in store.list(plural, found["metadata"]["name"]):
                    store.remove(plural, entry)
        return store.remove(resource.plural, found)

    def _deletecollection(self, request: Request, target: Target) -> Response:
        test = selectors.selected(target.resource, request.query)
        options = request.json() if request.body else {}
        for found in self._world.store.list(target.resource.plural, target.namespace):
            if test(found) and not self._dry(request):
                self._remove(target.resource, found, options.get("gracePeriodSeconds"), options)
        return Response.of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})


def scale_of(found: Object) -> Object:
    """The Scale of a workload."""
    meta = {key: found["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if key in found["metadata"]}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": {"replicas": found["spec"].get("replicas", 1)},
            "status": {"replicas": found.get("status", {}).get("replicas", 0),
                       "selector": selectors.selector_text(found["spec"].get("selector"))}}
