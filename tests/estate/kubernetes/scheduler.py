"""Where a pod goes: cordons, node selectors, and cpu and memory requests against what the node can give."""

from __future__ import annotations

from collections import Counter

from .selectors import matches
from .store import Object, Store

_UNITS = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def quantity(text: str | int | float) -> float:
    """A Kubernetes quantity as a number: `250m`, `1Gi`, `2`."""
    if isinstance(text, (int, float)):
        return float(text)
    digits = text.rstrip("mkMGTi")
    return float(digits) * _UNITS[text[len(digits):]]


def _requests(pod: Object) -> Counter[str]:
    total: Counter[str] = Counter()
    for container in pod["spec"]["containers"]:
        for name, value in (container.get("resources", {}).get("requests") or {}).items():
            total[name] += quantity(value)  # type: ignore[assignment]
    return total


def place(store: Store, pod: Object) -> tuple[str | None, str]:
    """The node with the fewest pods among those that fit, or the scheduler's sentence about why there is none."""
    wanted, reasons = _requests(pod), Counter()
    fits: list[tuple[int, str]] = []
    nodes = store.list("nodes")
    for node in nodes:
        name = node["metadata"]["name"]
        guests = [entry for entry in store.each("pods") if entry["spec"].get("nodeName") == name]
        if node["spec"].get("unschedulable"):
            reasons["node(s) were unschedulable"] += 1
            continue
        selector = pod["spec"].get("nodeSelector")
        if selector and not matches(selector, node["metadata"].get("labels", {})):
            reasons["node(s) didn't match Pod's node affinity/selector"] += 1
            continue
        used: Counter[str] = Counter()
        for guest in guests:
            used.update(_requests(guest))
        short = [name for name, value in wanted.items()
                 if value + used[name] > quantity(node["status"]["allocatable"].get(name, "0"))]
        for what in short:
            reasons[f"Insufficient {what}"] += 1
        if not short:
            fits.append((len(guests), name))
    if fits:
        return min(fits)[1], ""
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    none = f"0/{len(nodes)} nodes are available: {told}. preemption: 0/{len(nodes)} nodes are available: "
    helpless = sum(count for reason, count in reasons.items() if not reason.startswith("Insufficient"))
    verdict = (f"{helpless} Preemption is not helpful for scheduling." if helpless
               else f"{len(nodes)} No preemption victims found for incoming pod.")
    return None, none + verdict
