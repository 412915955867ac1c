"""Failures as Kubernetes words them: a `Status` object with reason, code and details."""

from __future__ import annotations

from typing import Any

from .resources import Resource

_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
            409: "Conflict", 410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests",
            500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


def status_object(code: int, message: str, reason: str | None = None, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """A Status that tells of a failure."""
    found = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
             "reason": reason or _REASONS.get(code, "InternalError"), "code": code}
    return {**found, "details": details} if details else found


class ApiError(Exception):
    """Ends a request with a Status."""

    def __init__(self, code: int, message: str, reason: str | None = None, details: dict[str, Any] | None = None,
                 headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.headers = code, headers or {}
        self.status = status_object(code, message, reason, details)


def _about(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, **({"group": resource.group} if resource.group else {}), "kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, f'{resource.qualified} "{name}" not found', details=_about(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    """409 for a create."""
    return ApiError(409, f'{resource.qualified} "{name}" already exists', "AlreadyExists", _about(resource, name))


def conflict(resource: Resource, name: str) -> ApiError:
    """409 for a write that was based on an old version."""
    return ApiError(409, f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
                         "please apply your changes to the latest version and try again", details=_about(resource, name))


def invalid(resource: Resource, name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """422; a cause is (reason, message, field)."""
    told = [f"{where}: {message}" for _, message, where in causes]
    listed = told[0] if len(told) == 1 else "[" + ", ".join(told) + "]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = {"name": name, **({"group": resource.group} if resource.group else {}), "kind": resource.kind,
               "causes": [{"reason": reason, "message": message, "field": where} for reason, message, where in causes]}
    return ApiError(422, f'{kind} "{name}" is invalid: {listed}', details=details)


def forbidden(user: str, verb: str, resource: Resource, namespace: str, name: str) -> ApiError:
    """403 as RBAC words it."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    about = f'{resource.qualified} "{name}"' if name else resource.qualified
    return ApiError(403, f'{about} is forbidden: User "{user}" cannot {verb} resource "{resource.plural}" '
                         f'in API group "{resource.group}" {where}', details=_about(resource, name))


def expired(message: str = "too old resource version") -> ApiError:
    """410: the history does not reach back that far."""
    return ApiError(410, message, "Expired")
