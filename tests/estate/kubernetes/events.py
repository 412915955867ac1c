"""Events, counted as the event recorder of client-go counts them, and forgotten after an hour as by the API server."""

from __future__ import annotations

from typing import Any

from ..clock import seconds_of, stamp
from .store import Object, Store

KEPT_SECONDS = 3600


def emit(store: Store, now: float, about: Object, kind: str, reason: str, message: str, component: str, *,
         field_path: str = "", host: str = "", times: int = 1) -> None:
    """Says that something happened; the same thing said again raises the count of the event that is there."""
    meta = about["metadata"]
    namespace = meta.get("namespace") or "default"
    for known in store.list("events", namespace):
        what = known["involvedObject"]
        if (what["uid"], known["reason"], known["message"], what.get("fieldPath", "")) == (meta["uid"], reason, message, field_path):
            def again(event: Object) -> None:
                event["count"] += times
                event["lastTimestamp"] = stamp(now)
            store.edit("events", known, again)
            return
    involved: dict[str, Any] = {"kind": about["kind"], "namespace": namespace, "name": meta["name"], "uid": meta["uid"],
                                "apiVersion": about["apiVersion"], "resourceVersion": meta["resourceVersion"]}
    if field_path:
        involved["fieldPath"] = field_path
    serial = store.revision
    store.create("events", {
        "metadata": {"name": f"{meta['name']}.{int(now * 1e6):x}{serial & 0xfff:03x}", "namespace": namespace},
        "involvedObject": involved, "reason": reason, "message": message, "type": kind,
        "source": {"component": component, **({"host": host} if host else {})},
        "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "count": times, "eventTime": None,
        "reportingComponent": component, "reportingInstance": host}, now)


def forget_old(store: Store, now: float) -> None:
    """Drops what nobody has said for an hour."""
    for event in store.each("events"):
        last = event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
        if now - seconds_of(last) > KEPT_SECONDS:
            store.remove("events", event)
