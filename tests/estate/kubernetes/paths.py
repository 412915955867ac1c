"""What API paths and `continue` tokens say."""

from __future__ import annotations

import base64
import json

from .resources import Resource, find
from .status import ApiError, expired


class Target:
    """What an API path names."""

    def __init__(self, resource: Resource, namespace: str, name: str, sub: str) -> None:
        self.resource, self.namespace, self.name, self.sub = resource, namespace, name, sub


def parse_path(path: str) -> Target | None:
    """None when the path names nothing that is served."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = find(group, version, rest[0])
    if resource is None or len(rest) > 3:
        return None
    name, sub = (rest[1] if len(rest) > 1 else ""), (rest[2] if len(rest) > 2 else "")
    if sub and sub not in resource.subresources:
        return None
    return Target(resource, namespace, name, sub)


def make_token(last: tuple[str, str], version: str) -> str:
    """A `continue` token: where the next page starts, and of which version."""
    return base64.urlsafe_b64encode(json.dumps({"start": last, "rv": version}).encode()).decode()


def read_token(text: str, oldest: int) -> tuple[tuple[str, str], str]:
    """The counterpart of make_token(); 400 for nonsense, 410 for a version that is no longer there."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text))
        start, version = (found["start"][0], found["start"][1]), str(found["rv"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise ApiError(400, "continue key is not valid: illegal base64 data") from None
    if int(version) < oldest:
        raise expired("The provided continue parameter is too old to display a consistent list result. You can start a new list "
                      "without the continue parameter, or use the continue token in this response to retrieve the remainder.")
    return start, version
