"""Faults on demand. A test says which requests meet one, of what kind, and how often."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {"latency_ms", "status", "hang", "reset", "truncate", "garbage", "expired_token", "forbidden", "rate_limit"}


@dataclass
class Fault:
    """`when` tells whether the request takes effect first: "after" loses the answer of a request that was carried out."""

    id: int
    kind: str
    value: Any = None
    count: int | None = None
    when: str = "before"
    service: str | None = None
    verb: str | None = None
    path: re.Pattern[str] | None = None
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def matches(self, service: str, verb: str, path: str) -> bool:
        """Whether a request meets this fault. `verb` is the HTTP method."""
        return ((self.count is None or self.hits < self.count) and self.service in (None, service)
                and self.verb in (None, verb) and (self.path is None or bool(self.path.search(path))))

    def view(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        return {"id": self.id, "kind": self.kind, "value": self.value, "count": self.count, "when": self.when, "hits": self.hits,
                "match": {"service": self.service, "verb": self.verb, "path_regex": self.path.pattern if self.path else None}}


class Faults:
    """The faults in force. The first one that matches counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, wish: dict[str, Any]) -> Fault:
        """Raises ValueError with a sentence for a wish that makes no sense."""
        kind, match = wish.get("kind"), wish.get("match") or {}
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")
        if unknown := set(match) - {"service", "verb", "path_regex"}:
            raise ValueError(f"match knows service, verb and path_regex, not {', '.join(sorted(unknown))}")
        if match.get("service") not in (None, "kubernetes", "github"):
            raise ValueError("service must be kubernetes or github")
        if wish.get("when", "before") not in ("before", "after"):
            raise ValueError("when must be before or after")
        try:
            pattern = re.compile(match["path_regex"]) if match.get("path_regex") else None
        except re.error as problem:
            raise ValueError(f"path_regex: {problem}") from None
        fault = Fault(next(self._ids), kind, wish.get("value"), wish.get("count"), wish.get("when", "before"),
                      match.get("service"), match["verb"].upper() if match.get("verb") else None, pattern)
        with self._lock:
            self._faults.append(fault)
        return fault

    def meet(self, service: str, verb: str, path: str) -> Fault | None:
        """The fault that this request meets, counted."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(service, verb, path):
                    fault.hits += 1
                    return fault
        return None

    def clear(self) -> None:
        """Lifts all faults; requests that hang go on."""
        with self._lock:
            for fault in self._faults:
                fault.lifted.set()
            self._faults.clear()

    def view(self) -> list[dict[str, Any]]:
        """All faults, spent ones included."""
        with self._lock:
            return [fault.view() for fault in self._faults]
