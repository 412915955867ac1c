"""What was asked to change, one JSON line per mutating request: the proof for "applied exactly once"."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from .clock import stamp_precise


class Journal:
    """Append-only; a line is on disk before the answer leaves."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")

    def record(self, *, time: float, service: str, verb: str, path: str, user: str, body: bytes, status: int,
               resource_version: str | None, answered: bool) -> None:
        """`answered` is false when a fault lost the answer of a request that did take effect."""
        line = json.dumps({"time": stamp_precise(time, 6), "service": service, "verb": verb, "path": path, "user": user,
                           "bodyDigest": "sha256:" + hashlib.sha256(body).hexdigest(), "status": status,
                           "resourceVersion": resource_version, "answered": answered})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def entries(self) -> list[dict[str, Any]]:
        """All lines, those of earlier starts in the same folder included."""
        with self._lock:
            return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines() if line]
