"""Label selectors and field selectors, in the query syntax and in the object syntax."""

from __future__ import annotations

import re
from typing import Any, Callable

from .resources import Resource
from .status import ApiError

Test = Callable[[dict[str, Any]], bool]
_SET = re.compile(r"^([^\s!=,()]+)\s+(in|notin)\s+\(([^()]*)\)$")
_EQUAL = re.compile(r"^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s=!,()]*)$")
_EXISTS = re.compile(r"^(!?)\s*([^\s!=,()]+)$")


def _split(text: str) -> list[str]:
    """At commas outside parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _label_test(term: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET.match(term):
        key, values = found[1], {value.strip() for value in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(term):
        key, wanted = found[1], found[3]
        if found[2] == "!=":
            return lambda labels: labels.get(key) != wanted
        return lambda labels: labels.get(key) == wanted
    if found := _EXISTS.match(term):
        key, absent = found[2], bool(found[1])
        return lambda labels: (key in labels) != absent
    raise ApiError(400, f'unable to parse requirement: found "{term}", expected: a label selector')


def label_selector(text: str) -> Test:
    """`a=b,c in (d,e),!f`."""
    tests = [_label_test(term) for term in _split(text)]
    return lambda found: all(test(found["metadata"].get("labels") or {}) for test in tests)


def _value(found: dict[str, Any], path: str) -> str:
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def field_selector(resource: Resource, text: str) -> Test:
    """`status.phase!=Running,metadata.name=x`; 400 for a field that the resource does not know, as the real server."""
    tests: list[tuple[str, bool, str]] = []
    for term in _split(text):
        found = _EQUAL.match(term)
        if not found:
            raise ApiError(400, f"invalid selector: '{term}'; can't understand '{term}'")
        if found[1] not in ("metadata.name", "metadata.namespace", *resource.fields):
            raise ApiError(400, f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match label selector "", '
                                f'field selector "{text}": field label not supported: {found[1]}')
        tests.append((found[1], found[2] != "!=", found[3]))
    return lambda entry: all((_value(entry, path) == wanted) == equal for path, equal, wanted in tests)


def selected(resource: Resource, query: dict[str, str]) -> Test:
    """Both selectors of a request."""
    labels, fields = label_selector(query.get("labelSelector", "")), field_selector(resource, query.get("fieldSelector", ""))
    return lambda found: labels(found) and fields(found)


def matches(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """An object's selector: a LabelSelector, or a Service's plain map."""
    if not selector:
        return False
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return all(labels.get(key) == value for key, value in selector.items())
    for rule in selector.get("matchExpressions") or ():
        held, values = labels.get(rule["key"]), rule.get("values") or []
        if not {"In": held in values, "NotIn": held not in values, "Exists": held is not None,
                "DoesNotExist": held is None}[rule["operator"]]:
            return False
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def selector_text(selector: dict[str, Any] | None) -> str:
    """As tables print it."""
    plain = (selector or {}).get("matchLabels", selector) or {}
    return ",".join(f"{key}={value}" for key, value in sorted(plain.items()) if isinstance(value, str)) or "<none>"
