"""Who is asking, and what they may do: bearer tokens and client certificates; administrators and a reader without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..web import Request
from .status import ApiError

ADMIN_GROUP = "system:masters"


@dataclass(frozen=True)
class User:
    """Somebody who signed in."""

    name: str
    groups: tuple[str, ...] = ()

    def may(self, verb: str, plural: str, sub: str = "") -> bool:
        """Administrators may all. Readers read, but no secrets; everyone may ask what they may."""
        if ADMIN_GROUP in self.groups or plural.startswith("selfsubject"):
            return True
        return verb in ("get", "list", "watch") and plural != "secrets"


def user_of(request: Request, tokens: dict[str, User]) -> User:
    """401 when nobody known is asking. A client certificate counts first, as with the real server."""
    if request.peer:
        names: dict[str, list[str]] = {}
        for part in request.peer.get("subject", ()):
            for key, value in part:
                names.setdefault(key, []).append(value)
        return User(names["commonName"][0], tuple(names.get("organizationName", ())))
    kind, _, token = (request.headers.get("Authorization") or "").partition(" ")
    if kind.lower() == "bearer" and token.strip() in tokens:
        return tokens[token.strip()]
    raise ApiError(401, "Unauthorized")


def review_access(user: User, body: dict[str, Any]) -> dict[str, Any]:
    """SelfSubjectAccessReview."""
    wish = body.get("spec", {}).get("resourceAttributes") or {}
    plural, verb = wish.get("resource", "*"), wish.get("verb", "get")
    allowed = user.may(verb, plural, wish.get("subresource", "")) if "*" not in (plural, verb) else ADMIN_GROUP in user.groups
    return {**body, "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
            "status": {"allowed": allowed, **({} if allowed else {"reason": "no rule of the reader role allows it"})}}


def review_self(user: User) -> dict[str, Any]:
    """SelfSubjectReview, for `kubectl auth whoami`."""
    return {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "status": {"userInfo": {"username": user.name, "groups": [*user.groups, "system:authenticated"]}}}
