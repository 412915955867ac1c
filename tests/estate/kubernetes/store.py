"""Objects with resource versions and a history to watch.

Objects are never changed in place: a write replaces the whole object, so that a watcher or a list that still holds an old
one keeps a true snapshot.
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from ..clock import stamp
from .resources import Resource, named
from .status import ApiError, already_exists, conflict, expired, not_found

Object = dict[str, Any]
HISTORY = 20_000
_WITH_GENERATION = {"deployments", "replicasets", "statefulsets", "daemonsets", "ingresses", "poddisruptionbudgets", "jobs",
                    "cronjobs"}

_NO_WORKLOAD = {"events", "configmaps", "secrets", "leases"}  # no controller looks at them


@dataclass(frozen=True)
class Change:
    """One step of the history. `before` is None for an addition; `kind` is ADDED, MODIFIED or DELETED."""

    revision: int
    kind: str
    plural: str
    after: Object
    before: Object | None


class Store:
    """All objects, by plural and by (namespace, name). The caller holds the world's lock."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Object]] = {}
        self.revision = 100_000
        self.workload_revision = 0
        self.history: deque[Change] = deque(maxlen=HISTORY)
        self.oldest = self.revision
        self._texts: dict[str, str] = {}
        self.on_change: Callable[[], None] = lambda: None

    def list(self, plural: str, namespace: str = "") -> list[Object]:
        """Sorted by namespace and name, as etcd would have them."""
        kept = self.objects.get(plural, {})
        return [kept[key] for key in sorted(kept) if not namespace or key[0] == namespace]

    def each(self, plural: str) -> Iterator[Object]:
        """All of a kind, in no order; safe against writes in the loop."""
        return iter(list(self.objects.get(plural, {}).values()))

    def find(self, plural: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self.objects.get(plural, {}).get((namespace, name))

    def get(self, plural: str, namespace: str, name: str) -> Object:
        """The object, or 404."""
        found = self.find(plural, namespace, name)
        if found is None:
            raise not_found(named(plural), name)
        return found

    def owned(self, plural: str, owner: Object) -> list[Object]:
        """What an object controls."""
        uid, namespace = owner["metadata"]["uid"], owner["metadata"].get("namespace", "")
        return [entry for entry in self.list(plural, namespace)
                if any(reference.get("uid") == uid for reference in entry["metadata"].get("ownerReferences", ()))]

    def create(self, plural: str, wish: Object, now: float, dry: bool = False) -> Object:
        """Adds an object; generateName is honoured."""
        resource = named(plural)
        made = clone(wish)
        made["apiVersion"], made["kind"] = resource.api_version, resource.kind
        meta = made.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + suffix(f"{meta['generateName']}{self.revision}")
        key = (meta.get("namespace", "") if resource.namespaced else "", meta["name"])
        if key in self.objects.get(plural, {}):
            raise already_exists(resource, meta["name"])
        meta["uid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{plural}/{key[0]}/{key[1]}/{self.revision}"))
        meta["creationTimestamp"] = stamp(now)
        if plural in _WITH_GENERATION:
            meta["generation"] = 1
        return made if dry else self._put(resource, key, made, "ADDED", None)

    def replace(self, plural: str, wish: Object, dry: bool = False) -> Object:
        """Puts a new state in the place of the old one. 409 when `wish` names a version that is no longer the latest."""
        resource = named(plural)
        meta = wish["metadata"]
        key = (meta.get("namespace", "") if resource.namespaced else "", meta["name"])
        before = self.get(plural, *key)
        old = before["metadata"]
        if meta.get("resourceVersion") and meta["resourceVersion"] != old["resourceVersion"]:
            raise conflict(resource, meta["name"])
        if meta.get("uid") and meta["uid"] != old["uid"]:
            raise ApiError(409, f'Precondition failed: UID in precondition: {meta["uid"]}, UID in object meta: {old["uid"]}', "Conflict")
        after = clone(wish)
        after["apiVersion"], after["kind"] = resource.api_version, resource.kind
        for fixed in ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp"):
            after["metadata"].pop(fixed, None)
            if fixed in old:
                after["metadata"][fixed] = old[fixed]
        if after == before:
            return before
        if plural in _WITH_GENERATION and after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] = old.get("generation", 1) + 1
        return after if dry else self._put(resource, key, after, "MODIFIED", before)

    def edit(self, plural: str, found: Object, change: Callable[[Object], Any]) -> Object:
        """A controller's write: copies, lets `change` work on the copy, and stores it."""
        after = clone(self.get(plural, found["metadata"].get("namespace", ""), found["metadata"]["name"]))
        change(after)
        return self.replace(plural, after)

    def mark_deleted(self, plural: str, found: Object, now: float, grace: int) -> Object:
        """First half of a graceful deletion. Setting the mark is the one change that replace() would undo."""
        if "deletionTimestamp" in found["metadata"]:
            return found
        after = clone(found)
        after["metadata"].update(deletionTimestamp=stamp(now + grace), deletionGracePeriodSeconds=grace)
        return self._put(named(plural), _key(after), after, "MODIFIED", found)

    def remove(self, plural: str, found: Object) -> Object:
        """Deletes at once. The last version that watchers see carries the revision of the deletion."""
        gone = clone(found)
        key = _key(gone)
        del self.objects[plural][key]
        self._note(plural, "DELETED", gone, found)
        return gone

    def since(self, plural: str, revision: int) -> list[Change]:
        """The changes after a revision. 410 when the history does not reach back that far."""
        if revision < self.oldest or (len(self.history) == HISTORY and revision < self.history[0].revision - 1):
            raise expired(f"too old resource version: {revision} ({self.oldest})")
        found = []
        for change in reversed(self.history):
            if change.revision <= revision:
                break
            if change.plural == plural:
                found.append(change)
        return found[::-1]

    def _put(self, resource: Resource, key: tuple[str, str], after: Object, kind: str, before: Object | None) -> Object:
        self.objects.setdefault(resource.plural, {})[key] = after
        self._note(resource.plural, kind, after, before)
        return after

    def _note(self, plural: str, kind: str, after: Object, before: Object | None) -> None:
        self.revision += 1
        if plural not in _NO_WORKLOAD:
            self.workload_revision += 1
        after["metadata"]["resourceVersion"] = str(self.revision)
        self.history.append(Change(self.revision, kind, plural, after, before))
        self.on_change()

    def dump(self) -> str:
        """What is kept across a restart, as JSON. The history is not: old watches get 410 and list again, as after a real restart.
        Each object's text is made once for each of its versions, so that writing the state costs little."""
        fresh: dict[str, str] = {}
        parts = []
        for plural, kept in self.objects.items():
            for entry in kept.values():
                key = f"{plural} {entry['metadata']['resourceVersion']}"
                fresh[key] = self._texts.get(key) or json.dumps(entry)
            parts.append(f"{json.dumps(plural)}: [" + ", ".join(
                fresh[f"{plural} {entry['metadata']['resourceVersion']}"] for entry in kept.values()) + "]")
        self._texts = fresh
        return f'{{"revision": {self.revision}, "objects": {{{", ".join(parts)}}}}}'

    def load(self, kept: dict[str, Any]) -> None:
        """The counterpart of dump()."""
        self.revision = self.oldest = kept["revision"]
        self.workload_revision += 1
        self.objects = {plural: {_key(entry): entry for entry in entries} for plural, entries in kept["objects"].items()}


def clone(value: Any) -> Any:
    """A deep copy of JSON, several times faster than copy.deepcopy, which has to think of cycles."""
    if isinstance(value, dict):
        return {key: clone(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [clone(entry) for entry in value]
    return value


def _key(found: Object) -> tuple[str, str]:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def suffix(seed: str, length: int = 5) -> str:
    """A name suffix in Kubernetes' alphabet, the same for the same seed: scenarios are reproducible."""
    number = uuid.uuid5(uuid.NAMESPACE_OID, seed).int
    found = ""
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        found += _LETTERS[digit]
    return found


def condition(found: Object, kind: str) -> Object | None:
    """A status condition by type."""
    return next((entry for entry in found.get("status", {}).get("conditions", ()) if entry["type"] == kind), None)


def set_condition(found: Object, now: float, kind: str, status: str, reason: str | None = None, message: str | None = None,
                  updated: bool = False) -> None:
    """Sets a condition. lastTransitionTime moves only when `status` does; `updated` adds lastUpdateTime as Deployments do."""
    conditions = found.setdefault("status", {}).setdefault("conditions", [])
    old = next((entry for entry in conditions if entry["type"] == kind), None)
    new: Object = {"type": kind, "status": status}
    same = old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message)
    if updated:
        new["lastUpdateTime"] = old["lastUpdateTime"] if same and old else stamp(now)
    new["lastTransitionTime"] = old["lastTransitionTime"] if old and old["status"] == status else stamp(now)
    if reason:
        new["reason"] = reason
    if message:
        new["message"] = message
    if old is None:
        conditions.append(new)
    else:
        conditions[conditions.index(old)] = new
