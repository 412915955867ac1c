"""The three patches: JSON patch (RFC 6902), merge patch (RFC 7386) and Kubernetes' strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

from .status import ApiError

# Lists that merge by a key, by field name. Lists not named here are replaced whole. `ports` depends on where it stands.
_MERGE_KEYS = {"containers": "name", "initContainers": "name", "ephemeralContainers": "name", "env": "name", "volumes": "name",
               "volumeMounts": "mountPath", "imagePullSecrets": "name", "conditions": "type", "ownerReferences": "uid",
               "addresses": "type", "hostAliases": "ip", "topologySpreadConstraints": "topologyKey"}
_PRIMITIVE_SETS = {"finalizers"}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merge_patch(found.get(key), value)
    return found


def strategic_patch(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """Maps merge, keyed lists merge by key, and the `$` directives are obeyed."""
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    found = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        found = {key: value for key, value in found.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            found[name] = [entry for entry in found.get(name) or [] if entry not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            if value.get("$patch") == "delete":
                found.pop(key, None)
            else:
                found[key] = strategic_patch(found.get(key), value)
        elif isinstance(value, list):
            found[key] = _merge_list(key, found.get(key) or [], value, patch.get(f"$setElementOrder/{key}"))
        else:
            found[key] = value
    for key, order in patch.items():
        name = key.removeprefix("$setElementOrder/")
        if name != key and isinstance(found.get(name), list):
            found[name] = _ordered(found[name], order)
    return found


def _merge_key(name: str, entries: list[Any]) -> str | None:
    if name == "ports":
        return "containerPort" if any(isinstance(entry, dict) and "containerPort" in entry for entry in entries) else "port"
    return _MERGE_KEYS.get(name)


def _merge_list(name: str, old: list[Any], patch: list[Any], order: list[Any] | None) -> list[Any]:
    if name in _PRIMITIVE_SETS:
        return old + [entry for entry in patch if entry not in old]
    key = _merge_key(name, patch)
    if key is None or any(isinstance(entry, dict) and entry.get("$patch") == "replace" for entry in patch):
        return [copy.deepcopy(entry) for entry in patch if not (isinstance(entry, dict) and "$patch" in entry)]
    merged = list(old)
    for entry in patch:
        if not isinstance(entry, dict) or key not in entry:
            raise ApiError(400, f"map: {entry} does not contain declared merge key: {key}")
        place = next((index for index, known in enumerate(merged) if known.get(key) == entry[key]), None)
        if entry.get("$patch") == "delete":
            merged = [known for known in merged if known.get(key) != entry[key]]
        elif place is None:
            merged.append(strategic_patch({}, entry))
        else:
            merged[place] = strategic_patch(merged[place], entry)
    return merged


def _ordered(entries: list[Any], order: list[Any]) -> list[Any]:
    """Those that the order names come in its order; the others stay behind them."""
    def rank(entry: Any) -> int:
        for index, wanted in enumerate(order):
            if entry == wanted or (isinstance(wanted, dict) and isinstance(entry, dict)
                                   and all(entry.get(key) == value for key, value in wanted.items())):
                return index
        return len(order)
    return sorted(entries, key=rank)


def json_patch(target: Any, steps: Any) -> Any:
    """RFC 6902; a step that cannot be done fails the whole patch with 422."""
    if not isinstance(steps, list):
        raise ApiError(400, "a JSON patch is an array of operations")
    found = copy.deepcopy(target)
    for step in steps:
        try:
            found = _step(found, step)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            raise ApiError(422, f"the server rejected our request due to an error in our request: {step.get('op')} "
                                f"{step.get('path')}: {problem}", "Invalid") from None
    return found


def _step(found: Any, step: dict[str, Any]) -> Any:
    kind = step["op"]
    if kind in ("move", "copy"):
        value = copy.deepcopy(_read(found, step["from"]))
        if kind == "move":
            found = _step(found, {"op": "remove", "path": step["from"]})
        return _step(found, {"op": "add", "path": step["path"], "value": value})
    if kind == "test":
        if _read(found, step["path"]) != step.get("value"):
            raise ValueError("testing value failed")
        return found
    if kind not in ("add", "replace", "remove"):
        raise ValueError("unknown operation")
    tokens = _tokens(step["path"])
    if not tokens:
        return copy.deepcopy(step.get("value"))
    parent, last = found, tokens[-1]
    for token in tokens[:-1]:
        parent = parent[int(token)] if isinstance(parent, list) else parent[token]
    if isinstance(parent, list):
        place = len(parent) if last == "-" else int(last)
        if place > len(parent) or (kind != "add" and place == len(parent)):
            raise IndexError("no such element")
        if kind == "add":
            parent.insert(place, copy.deepcopy(step["value"]))
        elif kind == "replace":
            parent[place] = copy.deepcopy(step["value"])
        else:
            del parent[place]
    elif kind == "remove":
        del parent[last]
    else:
        if kind == "replace" and last not in parent:
            raise KeyError("missing path")
        parent[last] = copy.deepcopy(step["value"])
    return found


def _tokens(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise ValueError("a pointer starts with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _read(found: Any, pointer: str) -> Any:
    for token in _tokens(pointer):
        found = found[int(token)] if isinstance(found, list) else found[token]
    return found
