"""The estate itself: start and stop, faults, journal, persistence, and that every scenario is what it says."""

import http.client
import socket
import time
import urllib.error

import pytest

from . import scenarios

DEPLOYS = "/apis/apps/v1/namespaces/shop/deployments"
MERGE = "application/merge-patch+json"


def ill(shop):
    """What kubectl would print for pods that are not well: {workload: status}."""
    found = {}
    for pod in shop.kube("/api/v1/namespaces/shop/pods")[1]["items"]:
        for entry in pod["status"].get("containerStatuses", []):
            if not entry["ready"]:
                state = entry["state"]
                found[entry["name"]] = (state.get("waiting") or state.get("terminated") or {"reason": "Running"})["reason"]
        if not pod["status"].get("containerStatuses"):
            found[pod["spec"]["containers"][0]["name"]] = pod["status"]["conditions"][0]["reason"]
    return found


def test_starts_quickly_and_stops_cleanly(estate):
    shop = estate()
    assert shop.started_in < 3, "certificates and history should not take long"
    assert shop.stop() == 0
    assert (shop.folder / "stderr.txt").read_text() == ""


@pytest.mark.parametrize("name", scenarios.names())
def test_scenarios(estate, name):
    shop = estate(name)
    shop.freeze()
    shop.advance(0)
    states = ill(shop)
    expected = {"bad-deploy": {"checkout"}, "two-faults": {"checkout", "payments"}, "image-pull": {"web"}, "pending": {"payments"},
                "leaky-logs": {"checkout"}}
    assert set(states) <= expected.get(name, set())
    red = shop.hub("/repos/acme/shop/actions/runs?status=failure")[1]["total_count"]
    assert red == (name == "failing-workflow")
    if name == "image-pull":
        assert states["web"] in ("ImagePullBackOff", "ErrImagePull")
    if name == "pending":
        assert states["payments"] == "Unschedulable"
        events = shop.kube("/api/v1/namespaces/shop/events?fieldSelector=reason%3DFailedScheduling")[1]["items"]
        assert "3 Insufficient memory" in events[0]["message"] and events[0]["count"] > 5
    if name == "bad-deploy":
        assert states == {"checkout": "CrashLoopBackOff"}
    if name == "quiet":
        assert shop.kube("/api/v1/events")[1]["items"] == []


def test_marks_tie_the_cluster_to_the_commit(estate):
    shop = estate()
    _, found, _ = shop.kube(f"{DEPLOYS}/checkout")
    marks = found["spec"]["template"]["metadata"]["annotations"]
    run = shop.hub(f"/repos/acme/shop/actions/runs/{marks['github.com/run-id']}")[1]
    assert run["run_number"] == 128 and run["head_sha"] == marks["org.opencontainers.image.revision"]
    assert found["metadata"]["labels"]["app.kubernetes.io/version"] == "v1.4.2"


def test_restart_keeps_what_was_applied(estate):
    first = estate()
    first.freeze()
    first.kube(f"{DEPLOYS}/web", "PATCH", {"spec": {"replicas": 4}}, Content_Type=MERGE)
    before = first.state()
    assert first.stop() == 0
    second = estate(folder=first.folder)
    after = second.state()
    assert after["kubernetes"] == before["kubernetes"] and after["github"] == before["github"] and after["clock"] == before["clock"]
    assert len(second.journal(verb="PATCH")) == 1
    assert second.kubectl("get", "deploy", "web").stdout
    second.advance(20)
    assert second.kube(f"{DEPLOYS}/web")[1]["status"]["readyReplicas"] == 4


def test_journal_tells_of_an_answer_that_was_lost(estate):
    shop = estate()
    shop.fault("reset", when="after", count=1, service="kubernetes", verb="PATCH")
    with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
        shop.kube(f"{DEPLOYS}/web", "PATCH", {"spec": {"replicas": 4}}, Content_Type=MERGE)
    entry, = shop.journal(verb="PATCH")
    assert entry["answered"] is False and entry["status"] == 200 and entry["bodyDigest"].startswith("sha256:")
    _, found, _ = shop.kube(f"{DEPLOYS}/web")
    assert found["spec"]["replicas"] == 4 and int(entry["resourceVersion"]) <= int(found["metadata"]["resourceVersion"])


def test_faults(estate):
    shop = estate()
    for kind, code, reason in (("expired_token", 401, "Unauthorized"), ("forbidden", 403, "Forbidden"),
                               ("rate_limit", 429, "TooManyRequests"), ("status", 503, "ServiceUnavailable")):
        shop.fault(kind, count=1, service="kubernetes", path_regex="/deployments")
        assert shop.kube("/api/v1/nodes")[0] == 200
        got, status, _ = shop.kube(DEPLOYS)
        assert (got, status["reason"]) == (code, reason)
        assert shop.kube(DEPLOYS)[0] == 200
    shop.fault("garbage", count=1, service="kubernetes")
    assert isinstance(shop.kube(DEPLOYS)[1], str)
    shop.fault("truncate", count=1, service="kubernetes")
    with pytest.raises(http.client.IncompleteRead):
        shop.kube(DEPLOYS)
    shop.fault("reset", count=1, service="kubernetes")
    with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
        shop.kube(DEPLOYS)
    shop.fault("hang", count=1, service="kubernetes")
    with pytest.raises((TimeoutError, socket.timeout, urllib.error.URLError)):
        shop.kube(DEPLOYS, timeout=0.5)
    shop.fault("latency_ms", 300, count=1, service="kubernetes")
    began = time.monotonic()
    shop.kube(DEPLOYS)
    assert time.monotonic() - began >= 0.3
    assert len(shop.tell("GET", "/faults")["faults"]) == 9
    assert shop.tell("DELETE", "/faults") == {"faults": []}
    assert "error" in shop.tell("POST", "/faults", {"kind": "flood"})


def test_a_further_deploy(estate):
    shop = estate("healthy")
    shop.freeze()
    made = shop.tell("POST", "/deploy", {"namespace": "shop", "name": "web", "image": "shop/web:v2.13.0", "in_seconds": 30,
                                         "commit": {"message": "web: a darker header", "author": "ilse", "pull": 60}})
    assert shop.hub(f"/repos/acme/shop/actions/runs/{made['run_id']}")[1]["status"] == "in_progress"
    shop.advance(60)
    _, found, _ = shop.kube(f"{DEPLOYS}/web")
    assert found["spec"]["template"]["metadata"]["annotations"]["org.opencontainers.image.revision"] == made["sha"]
    assert found["status"]["availableReplicas"] == 2 and not ill(shop)
    assert shop.hub("/repos/acme/shop/deployments?environment=production")[1][0]["id"] == made["deployment_id"]
    assert "error" in shop.tell("POST", "/deploy", {"name": "nothing", "image": "x:y"})
