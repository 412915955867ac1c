"""What the clock has made of a run: queued → in_progress → completed, job after job, step after step.

Nothing ticks: the state at a time is computed from the plan, so it is the same however often somebody looks.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
QUEUE_SECONDS = 4.0


def jobs(run: Record, attempt: Record, now: float) -> list[Record]:
    """All jobs with status, conclusion, started, ended and steps. A failure skips what follows in the job, and later jobs."""
    found, start, broken = [], attempt["started"] + QUEUE_SECONDS, False
    for plan in attempt["jobs"]:
        if carried := plan.get("carried"):
            found.append(_job(plan, carried["started"], carried["ended"], float("inf"), None))
            continue
        if broken:
            over = start <= now
            found.append({"id": plan["id"], "name": plan["name"], "status": "completed" if over else "queued", "created": start,
                          "conclusion": "skipped" if over else None, "started": start, "ended": start, "steps": []})
            continue
        made = _job(plan, start, None, now, attempt["cancelled"])
        found.append(made)
        broken = made["will"] != "success"
        start = made["ended_at"]
    return found


def _job(plan: Record, start: float, fixed_end: float | None, now: float, cancelled: float | None) -> Record:
    steps, at, result = [], start, "success"
    for number, entry in enumerate(plan["steps"], 1):
        begin, last = at, number == len(plan["steps"])
        if result != "success" and not last:
            end, conclusion = begin, "skipped"
        else:
            end, conclusion = begin + entry["seconds"], entry["conclusion"]
            if conclusion == "failure":
                result = "failure"
        if cancelled is not None and end > cancelled:
            end, conclusion = max(begin, cancelled), "cancelled" if begin <= cancelled else "skipped"
            end = min(end, max(begin, cancelled))
            result = "cancelled"
        at = end
        state = "completed" if end <= now else "in_progress" if begin <= now else "queued"
        steps.append({"number": number, "name": entry["name"], "status": state, "conclusion": conclusion if state == "completed" else None,
                      "started": begin if begin <= now else None, "ended": end if state == "completed" else None, "log": entry["log"],
                      "will": conclusion})
    end = fixed_end if fixed_end is not None else at
    status = "completed" if end <= now else "in_progress" if start <= now else "queued"
    return {"id": plan["id"], "name": plan["name"], "status": status, "conclusion": result if status == "completed" else None,
            "created": start, "started": start if start <= now else None, "ended": end if status == "completed" else None, "steps": steps,
            "will": result, "ended_at": end}


def end_of(run: Record, attempt: Record) -> float:
    """When an attempt is over, if nobody cancels it (any more)."""
    told = jobs(run, attempt, float("inf"))
    return max((entry["ended"] for entry in told if entry["ended"] is not None), default=attempt["started"])


def state(run: Record, now: float, attempt: Record | None = None) -> tuple[str, str | None, float]:
    """(status, conclusion, time of the last change) of a run's attempt, by default its latest."""
    attempt = attempt or run["attempts"][-1]
    start = attempt["started"] + QUEUE_SECONDS
    if attempt["cancelled"] is not None and attempt["cancelled"] <= now:
        return "completed", "cancelled", max(attempt["cancelled"], attempt["started"])
    if now < start:
        return "queued", None, attempt["started"]
    told = jobs(run, attempt, now)
    if any(entry["status"] != "completed" for entry in told):
        return "in_progress", None, start
    conclusions = {entry["conclusion"] for entry in told}
    conclusion = "cancelled" if "cancelled" in conclusions else "failure" if "failure" in conclusions else "success"
    return "completed", conclusion, end_of(run, attempt)


def succeeds(run: Record, attempt: Record) -> bool:
    """How it will end, as far as one can know now."""
    return state(run, float("inf"), attempt)[1] == "success"
