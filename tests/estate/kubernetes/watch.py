"""Watches: JSON lines over a chunked answer, from a resource version on, with bookmarks."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Iterator

from .resources import Resource
from .status import ApiError
from .store import Object

BOOKMARK_SECONDS = 5.0
DEFAULT_TIMEOUT = 1800.0
Shape = Callable[[Object], Any]


class Watch:
    """One watch. `world` gives the lock to wait on and the store."""

    def __init__(self, world: Any, resource: Resource, namespace: str, test: Callable[[Object], bool], query: dict[str, str],
                 shape: Shape) -> None:
        self._world, self._resource, self._namespace = world, resource, namespace
        self._wanted = lambda found: (not namespace or found["metadata"].get("namespace") == namespace) and test(found)
        self._query, self._shape = query, shape

    def lines(self) -> Iterator[bytes]:
        """Ends when `timeoutSeconds` are over, when the history is too short (410), or when the estate stops."""
        end = time.monotonic() + float(self._query.get("timeoutSeconds") or DEFAULT_TIMEOUT)
        bookmarks = self._query.get("allowWatchBookmarks") in ("true", "1")
        initial = self._query.get("sendInitialEvents") == "true"
        with self._world.lock:
            revision, first = self._begin(initial)
        yield b"".join(first)
        if initial:
            yield self._bookmark(revision, {"k8s.io/initial-events-end": "true"})
        bookmark_at = time.monotonic() + BOOKMARK_SECONDS
        while (now := time.monotonic()) < end and not self._world.stopping:
            gone: ApiError | None = None
            lines: list[bytes] = []
            with self._world.lock:
                try:
                    if self._world.store.revision == revision:
                        self._world.lock.wait(min(1.0, end - now))
                    lines = [line for change in self._world.store.since(self._resource.plural, revision) if (line := self._told(change))]
                except ApiError as problem:
                    gone = problem
                latest = self._world.store.revision
            if gone:
                yield self._line("ERROR", gone.status)
                return
            revision = latest
            if lines:
                yield b"".join(lines)
            if bookmarks and time.monotonic() >= bookmark_at:
                yield self._bookmark(revision, {})
                bookmark_at = time.monotonic() + BOOKMARK_SECONDS

    def _begin(self, initial: bool) -> tuple[int, list[bytes]]:
        asked = self._query.get("resourceVersion", "")
        if asked in ("", "0") or initial:
            found = filter(self._wanted, self._world.store.list(self._resource.plural, self._namespace))
            return self._world.store.revision, [self._line("ADDED", self._shape(entry)) for entry in found]
        if not asked.isdigit():
            raise ApiError(400, f'resourceVersion: Invalid value: "{asked}"')
        return int(asked), []

    def _told(self, change: Any) -> bytes:
        """An object that comes into the selection counts as added, one that leaves it as deleted."""
        now_in = change.kind != "DELETED" and self._wanted(change.after)
        was_in = change.before is not None and self._wanted(change.before)
        if now_in:
            return self._line("MODIFIED" if was_in else "ADDED", self._shape(change.after))
        return self._line("DELETED", self._shape(change.after)) if was_in else b""

    def _bookmark(self, revision: int, annotations: dict[str, str]) -> bytes:
        meta: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        return self._line("BOOKMARK", self._shape({"kind": self._resource.kind, "apiVersion": self._resource.api_version,
                                                   "metadata": meta}) if not self._tabular() else
                          {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": str(revision)}, "rows": [],
                           "columnDefinitions": []})

    def _tabular(self) -> bool:
        return getattr(self._shape, "tabular", False)

    @staticmethod
    def _line(kind: str, found: Any) -> bytes:
        return json.dumps({"type": kind, "object": found}).encode() + b"\n"
