"""What kubectl does not show: pages, watches, patches, conflicts and Status objects, looked at by hand."""

import json
import ssl
import urllib.request
from pathlib import Path

import pytest

from .harness import Estate

PODS, DEPLOY = "/api/v1/namespaces/shop/pods", "/apis/apps/v1/namespaces/shop/deployments/checkout"
MERGE, STRATEGIC, JSON = (f"application/{kind}+json" for kind in ("merge-patch", "strategic-merge-patch", "json-patch"))


@pytest.fixture
def shop(estate):
    """A frozen bad deploy."""
    found = estate()
    found.freeze()
    return found


def lines(shop: Estate, path: str, **headers: str):
    """The lines of a watch, as they come."""
    token = json.loads(Path(shop.kubeconfig).read_text())["users"][0]["user"]["token"]
    request = urllib.request.Request(shop.kubernetes + path, headers={"Authorization": f"Bearer {token}", **headers})
    with urllib.request.urlopen(request, timeout=20, context=ssl.create_default_context(cafile=shop.ca)) as answer:
        for line in answer:
            yield json.loads(line)


def test_discovery_both_ways(shop):
    assert shop.kube("/version")[1]["gitVersion"].startswith("v1.")
    assert "v1" in shop.kube("/api")[1]["versions"]
    assert {entry["name"] for entry in shop.kube("/apis")[1]["groups"]} >= {"apps", "autoscaling", "authorization.k8s.io"}
    assert any(entry["name"] == "deployments/scale" for entry in shop.kube("/apis/apps/v1")[1]["resources"])
    kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert shop.kube("/apis", Accept=kind)[1]["kind"] == "APIGroupDiscoveryList"


def test_pages(shop):
    seen, path = [], f"{PODS}?limit=4"
    _, page, _ = shop.kube(path)
    assert page["metadata"]["remainingItemCount"] == 5
    while True:
        seen += [pod["metadata"]["name"] for pod in page["items"]]
        if not page["metadata"].get("continue"):
            break
        _, page, _ = shop.kube(f"{path}&continue={page['metadata']['continue']}")
    assert len(seen) == len(set(seen)) == 9 and seen == sorted(seen)
    assert shop.kube(f"{path}&continue=nonsense")[0] == 400


def test_selectors(shop):
    uid = shop.kube(DEPLOY)[1]["metadata"]["uid"]
    events = shop.kube(f"/api/v1/namespaces/shop/events?fieldSelector=involvedObject.uid={uid},reason=ScalingReplicaSet")[1]["items"]
    assert len(events) == 3
    assert len(shop.kube(f"{PODS}?labelSelector=app.kubernetes.io/name!%3Dweb,!nothing")[1]["items"]) == 7
    code, status, _ = shop.kube(f"{PODS}?fieldSelector=spec.colour%3Dred")
    assert code == 400 and "field label not supported" in status["message"]


def test_statuses(shop):
    code, status, _ = shop.kube(PODS, token="nobody")
    assert (code, status["kind"], status["reason"]) == (401, "Status", "Unauthorized")
    code, status, _ = shop.kube(f"{PODS}/nothing")
    assert (code, status["reason"], status["message"]) == (404, "NotFound", 'pods "nothing" not found')
    assert shop.kube("/apis/apps/v1/namespaces/shop/rockets")[0] == 404
    code, status, _ = shop.kube(DEPLOY, "PATCH", {"spec": {"replicas": -1}}, Content_Type=MERGE)
    assert (code, status["reason"]) == (422, "Invalid") and status["details"]["causes"][0]["field"] == "spec.replicas"
    code, status, _ = shop.kube("/api/v1/namespaces/shop/configmaps", "POST", {"metadata": {"name": "checkout"}})
    assert (code, status["reason"]) == (409, "AlreadyExists")
    assert shop.kube(DEPLOY, "PATCH", {}, Content_Type="application/json")[0] == 415
    assert shop.kube("/api/v1/namespaces/nowhere/configmaps", "POST", {"metadata": {"name": "x"}})[0] == 404


def test_conflicts(shop):
    _, found, _ = shop.kube(DEPLOY)
    old = found["metadata"]["resourceVersion"]
    found["spec"]["replicas"] = 4
    code, changed, _ = shop.kube(DEPLOY, "PUT", found)
    assert code == 200 and changed["metadata"]["generation"] == found["metadata"]["generation"] + 1
    assert shop.kube(DEPLOY)[1]["status"]["observedGeneration"] == changed["metadata"]["generation"]
    code, status, _ = shop.kube(DEPLOY, "PUT", found)
    assert (code, status["reason"]) == (409, "Conflict") and "the object has been modified" in status["message"]
    stale = {"metadata": {"resourceVersion": old}, "spec": {"replicas": 5}}
    for kind in (MERGE, STRATEGIC):
        assert shop.kube(DEPLOY, "PATCH", stale, Content_Type=kind)[0] == 409
    test = [{"op": "test", "path": "/metadata/resourceVersion", "value": old}, {"op": "replace", "path": "/spec/replicas", "value": 5}]
    assert shop.kube(DEPLOY, "PATCH", test, Content_Type=JSON)[0] == 422
    assert shop.kube(DEPLOY)[1]["spec"]["replicas"] == 4
    gone = {"preconditions": {"resourceVersion": "1"}}
    assert shop.kube(f"{PODS}/postgres-0", "DELETE", gone)[0] == 409


def test_dry_run_changes_nothing(shop):
    before = shop.kube(DEPLOY)[1]
    code, would, _ = shop.kube(f"{DEPLOY}?dryRun=All&fieldManager=test", "PATCH", {"spec": {"replicas": 9}}, Content_Type=MERGE)
    assert code == 200 and would["spec"]["replicas"] == 9
    assert shop.kube(f"{PODS}/postgres-0?dryRun=All", "DELETE")[0] == 200
    assert shop.kube(DEPLOY)[1] == before and shop.kube(f"{PODS}/postgres-0")[0] == 200
    assert shop.kube(f"{DEPLOY}?dryRun=Some", "PATCH", {}, Content_Type=MERGE)[0] == 400


def test_strategic_merge_knows_containers(shop):
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "checkout", "env": [{"name": "PAYMENT_URL", "value": "x"}]}]}}}}
    _, found, _ = shop.kube(DEPLOY, "PATCH", patch, Content_Type=STRATEGIC)
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "shop/checkout:v1.4.2" and [entry["name"] for entry in container["env"]] == ["LOG_LEVEL", "PAYMENT_URL"]
    shop.advance(60)
    assert shop.kube(DEPLOY)[1]["status"]["availableReplicas"] == 3


def test_watch_follows_a_selection(shop):
    version = shop.kube(PODS)[1]["metadata"]["resourceVersion"]
    query = f"?watch=1&resourceVersion={version}&fieldSelector=status.phase%3DPending&timeoutSeconds=10"
    shop.kube(f"{DEPLOY}/scale", "PATCH", {"spec": {"replicas": 5}}, Content_Type=MERGE)
    shop.advance(10)
    kinds = []
    for line in lines(shop, PODS + query):
        kinds.append(line["type"])
        if kinds.count("DELETED") == 2:
            break
    assert kinds.count("ADDED") >= 2 and "MODIFIED" in kinds, kinds  # pending pods came into the selection, and left it when they ran


def test_watch_from_the_start_with_bookmarks(shop):
    seen = lines(shop, "/api/v1/namespaces?watch=1&timeoutSeconds=9&allowWatchBookmarks=true")
    kinds = [line["type"] for line in seen]
    assert kinds[:4] == ["ADDED"] * 4 and "BOOKMARK" in kinds[4:]


def test_watch_too_old_is_gone(shop):
    line = next(lines(shop, f"{PODS}?watch=1&resourceVersion=1"))
    assert line["type"] == "ERROR" and line["object"]["code"] == 410 and line["object"]["reason"] == "Expired"


def test_tables(shop):
    kind = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    _, table, _ = shop.kube(PODS, Accept=kind)
    assert [column["name"] for column in table["columnDefinitions"]][:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert shop.kube(f"{PODS}?includeObject=Object", Accept=kind)[1]["rows"][0]["object"]["spec"]


def test_restarts_grow_with_the_clock(shop):
    def restarts():
        return max(pod["status"]["containerStatuses"][0]["restartCount"] for pod in shop.kube(PODS)[1]["items"])
    before = restarts()
    assert restarts() == before == 6
    shop.advance(1200)
    assert restarts() >= before + 3
