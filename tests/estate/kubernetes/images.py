"""What each container image does when it runs. The table belongs to the scenario; the kubelet only obeys it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

GOOD, CRASH, MISSING, UNREADY = "good", "crash", "missing", "unready"


@dataclass(frozen=True)
class Image:
    """`pattern` is a shell pattern over the whole image name.

    GOOD runs and becomes ready; CRASH runs `runs_for` seconds and ends with `exit_code` after printing `last_lines`; MISSING
    cannot be pulled; UNREADY runs but fails its readiness probe. With `unless_env` set, a crash happens only while the
    container lacks that environment variable, so that setting it is a cure.
    """

    pattern: str
    kind: str = GOOD
    starts: tuple[str, ...] = ("starting", "listening on :8080")
    works: tuple[str, ...] = ('GET /healthz 200',)
    every: float = 10.0
    last_lines: tuple[str, ...] = ()
    runs_for: float = 2.0
    exit_code: int = 1
    reason: str = "Error"
    ready_after: float = 3.0
    probe: str = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    unless_env: str = ""

    def crashes(self, container: dict[str, Any]) -> bool:
        """Whether this container, with the environment it has, will crash."""
        have = {entry["name"] for entry in container.get("env") or ()}
        return self.kind == CRASH and (not self.unless_env or self.unless_env not in have)


class Images:
    """The first pattern that matches counts, and an unknown image is good; but a tag that starts with `typo` does not exist."""

    def __init__(self, table: list[Image]) -> None:
        self.table = table

    def of(self, image: str) -> Image:
        """The behaviour of an image."""
        if image.rpartition(":")[2].startswith("typo"):
            return Image(image, MISSING)
        return next((entry for entry in self.table if fnmatchcase(image, entry.pattern)), Image(image))

    def dump(self) -> list[dict[str, Any]]:
        """What is kept across a restart."""
        return [asdict(entry) for entry in self.table]

    @classmethod
    def load(cls, kept: list[dict[str, Any]]) -> "Images":
        """The counterpart of dump()."""
        return cls([Image(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
                    for entry in kept])
