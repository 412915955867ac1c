"""The unmodified kubectl works against the pretend API server, and shows what a person on call would expect."""

import json
import os
import re
import subprocess
import time

import pytest

from .harness import Estate


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """One bad deploy for all tests that only look."""
    found = Estate(tmp_path_factory.mktemp("kubectl") / "estate")
    found.freeze()
    yield found
    found.stop()


def crashing(estate):
    pods = json.loads(estate.kubectl("get", "pods", "-o", "json").stdout)["items"]
    return next(pod["metadata"]["name"] for pod in pods if not pod["status"]["containerStatuses"][0]["ready"])


def test_get_shows_the_crash_loop(shop):
    told = shop.kubectl("get", "pods").stdout
    assert len(re.findall(r"checkout-\S+ +0/1 +CrashLoopBackOff +6 \(\dm\d*s? ago\) +10m", told)) == 2, told
    assert len(re.findall(r"checkout-\S+ +1/1 +Running +0 ", told)) == 2
    assert re.search(r"checkout +2/3 +2 +2 +9d", shop.kubectl("get", "deploy").stdout)
    assert re.search(r"checkout-\S+ +2 +2 +0 +10m", shop.kubectl("get", "rs").stdout)
    assert "node-a   Ready    control-plane" in shop.kubectl("get", "nodes").stdout
    assert "CONTAINERS" in shop.kubectl("get", "deploy", "-o", "wide").stdout
    assert "postgres" in shop.kubectl("get", "all").stdout
    assert "kube-proxy" in shop.kubectl("get", "pods", "-A", "-o", "wide").stdout
    assert re.search(r"Warning +BackOff +pod/checkout", shop.kubectl("get", "events").stdout)
    assert "10.96.0.20" in shop.kubectl("get", "svc").stdout


def test_get_honours_selectors_and_sorting(shop):
    names = shop.kubectl("get", "pods", "-l", "app.kubernetes.io/name in (web),pod-template-hash", "-o", "name").stdout.split()
    assert len(names) == 2 and all(name.startswith("pod/web-") for name in names)
    assert "No resources found" in shop.kubectl("get", "pods", "--field-selector", "status.phase=Failed").stderr
    assert shop.kubectl("get", "pods", "--sort-by", ".metadata.creationTimestamp").stdout.splitlines()[-1].startswith("checkout-")
    assert len(shop.kubectl("get", "pods", "--chunk-size=2", "-o", "name").stdout.split()) == 9


def test_describe_deployment(shop):
    told = shop.kubectl("describe", "deploy", "checkout").stdout
    assert "kubernetes.io/change-cause: Deploy #128: shop/checkout:v1.4.2 (acme/shop@60ddb6c)" in told
    assert "3 desired | 2 updated | 4 total | 2 available | 2 unavailable" in told
    assert re.search(r"Progressing +False +ProgressDeadlineExceeded", told)
    assert re.search(r"org.opencontainers.image.revision: [0-9a-f]{40}", told)
    assert "ScalingReplicaSet" in told and "OldReplicaSets:" in told


def test_describe_pod_node_and_service(shop):
    told = shop.kubectl("describe", "pod", crashing(shop)).stdout
    for expected in (r"Reason: +CrashLoopBackOff", r"Exit Code: +1", r"Restart Count: +6", r"Last State: +Terminated",
                     r"Warning +BackOff .*Back-off restarting failed container checkout", r"Controlled By: +ReplicaSet/checkout"):
        assert re.search(expected, told), (expected, told)
    told = shop.kubectl("describe", "node", "node-a").stdout
    assert "KubeletReady" in told and "Non-terminated Pods" in told
    assert re.search(r"Endpoints: +10\.244\.", shop.kubectl("describe", "svc", "web").stdout)


def test_logs(shop):
    pod = crashing(shop)
    for more in ((), ("--previous",)):
        assert "panic: missing environment variable PAYMENT_URL" in shop.kubectl("logs", pod, *more).stdout
    assert shop.kubectl("logs", pod, "--tail=1").stdout == "exit status 2\n"
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z ", shop.kubectl("logs", "deploy/web", "--tail=1", "--timestamps").stdout)
    assert 5 <= len(shop.kubectl("logs", "deploy/web", "--since=60s").stdout.splitlines()) <= 6
    refused = shop.kubectl("logs", "deploy/web", "--previous", check=False)
    assert refused.returncode == 1 and "previous terminated container" in refused.stderr
    assert "is not valid" in shop.kubectl("logs", pod, "-c", "sidecar", check=False).stderr


def test_rollout_history_and_stuck_status(shop):
    told = shop.kubectl("rollout", "history", "deploy/checkout").stdout
    assert re.findall(r"^\d", told, re.M) == ["1", "2", "3"] and "Deploy #127: shop/checkout:v1.4.1" in told
    assert "shop/checkout:v1.4.1" in shop.kubectl("rollout", "history", "deploy/checkout", "--revision=2").stdout
    status = shop.kubectl("rollout", "status", "deploy/checkout", check=False)
    assert status.returncode == 1 and "exceeded its progress deadline" in status.stderr


@pytest.mark.parametrize("config", ["kubeconfig", "kubeconfig-cert", "kubeconfig-exec", "kubeconfig-tokenfile"])
def test_every_way_to_sign_in(shop, config):
    assert "estate-operator" in shop.kubectl("auth", "whoami", config=config).stdout
    assert shop.kubectl("auth", "can-i", "delete", "pods", config=config).stdout == "yes\n"
    assert shop.kubectl("config", "current-context", config=config).stdout == "production\n"


def test_a_viewer_may_look_and_no_more(shop):
    assert "checkout" in shop.kubectl("get", "deploy", config="kubeconfig-viewer").stdout
    assert shop.kubectl("auth", "can-i", "delete", "pods", config="kubeconfig-viewer", check=False).returncode == 1
    for command in (("get", "secrets"), ("delete", "pod", "postgres-0"), ("rollout", "undo", "deploy/checkout")):
        refused = shop.kubectl(*command, config="kubeconfig-viewer", check=False)
        assert refused.returncode == 1 and "forbidden" in refused.stderr and "estate-viewer" in refused.stderr, refused


def test_undo_heals(estate):
    shop = estate()
    shop.kubectl("rollout", "undo", "deploy/checkout")
    assert "successfully rolled out" in shop.kubectl("rollout", "status", "deploy/checkout", "--timeout=40s").stdout
    assert re.search(r"checkout +3/3 +3 +3 ", shop.kubectl("get", "deploy", "checkout").stdout)
    assert "shop/checkout:v1.4.1" in shop.kubectl("rollout", "history", "deploy/checkout", "--revision=4").stdout
    patches = shop.journal(service="kubernetes", verb="PATCH")
    assert len(patches) == 1 and patches[0]["status"] == 200 and patches[0]["user"] == "estate-operator"


def test_set_env_heals_too(estate):
    shop = estate()
    shop.kubectl("set", "env", "deploy/checkout", "PAYMENT_URL=http://payments.shop.svc")
    assert "successfully rolled out" in shop.kubectl("rollout", "status", "deploy/checkout", "--timeout=40s").stdout


def test_changes(estate):
    shop = estate("healthy")
    shop.kubectl("set", "image", "deploy/payments", "payments=shop/payments:v0.9.4")
    shop.kubectl("rollout", "restart", "deploy/web")
    shop.kubectl("scale", "deploy/checkout", "--replicas=5")
    shop.advance(60)
    for name in ("payments", "web", "checkout"):
        assert "successfully rolled out" in shop.kubectl("rollout", "status", f"deploy/{name}", "--timeout=40s").stdout
    assert re.search(r"checkout +5/5 ", shop.kubectl("get", "deploy", "checkout").stdout)
    refused = shop.kubectl("scale", "deploy/checkout", "--replicas=1", "--current-replicas=9", check=False)
    assert "Expected replicas to be 9" in refused.stderr
    assert "deleted" in shop.kubectl("delete", "pod", "postgres-0").stdout
    shop.advance(30)
    assert re.search(r"postgres +1/1", shop.kubectl("get", "sts").stdout)
    shop.kubectl("rollout", "restart", "sts/postgres")
    shop.advance(30)
    shop.kubectl("rollout", "status", "sts/postgres", "--timeout=30s")
    shop.kubectl("-n", "kube-system", "rollout", "status", "ds/kube-proxy", "--timeout=30s")


@pytest.mark.parametrize(("where", "what", "container", "image"), [
    ("shop", "sts/postgres", "postgres", "postgres:16.9"), ("kube-system", "ds/kube-proxy", "kube-proxy", "registry.k8s.io/kube-proxy:v1.33.0")])
def test_rollout_history_and_undo_of_other_workloads(estate, where, what, container, image):
    shop = estate("quiet")

    def kubectl(*arguments):
        return shop.kubectl("-n", where, *arguments).stdout

    def settle():
        shop.advance(600)
        assert re.search("roll out complete|successfully rolled out", kubectl("rollout", "status", what, "--timeout=30s"))

    def revisions():
        return dict(re.findall(r"^(\d+) +(.+)$", kubectl("rollout", "history", what), re.M))

    def images():
        pods = json.loads(kubectl("get", "pods", "-o", "json"))["items"]
        return {entry["image"] for pod in pods for entry in pod["spec"]["containers"] if entry["name"] == container}

    shop.freeze()
    before = images()
    assert set(revisions()) == {"1"}
    kubectl("annotate", what, "kubernetes.io/change-cause=try the next one")
    kubectl("set", "image", what, f"{container}={image}")
    settle()
    assert images() == {image} and revisions()["2"].strip() == "try the next one"
    assert image in kubectl("rollout", "history", what, "--revision=2") and next(iter(before)) in kubectl("rollout", "history", what, "--revision=1")
    assert "rolled back" in kubectl("rollout", "undo", what)
    settle()
    assert images() == before and set(revisions()) == {"2", "3"}
    kubectl("rollout", "undo", what, "--to-revision=2")
    settle()
    assert images() == {image} and set(revisions()) == {"3", "4"}


def test_apply_and_small_edits(estate):
    shop = estate("quiet")
    wish = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"a": "1"}}
    assert "created (server dry run)" in shop.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(wish)).stdout
    assert "created" in shop.kubectl("apply", "-f", "-", stdin=json.dumps(wish)).stdout
    wish["data"] = {"b": "2"}
    assert "configured" in shop.kubectl("apply", "-f", "-", stdin=json.dumps(wish)).stdout
    assert json.loads(shop.kubectl("get", "cm", "flags", "-o", "json").stdout)["data"] == {"b": "2"}
    shop.kubectl("annotate", "deploy/web", "note=seen")
    shop.kubectl("patch", "deploy/web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":3}]')
    shop.kubectl("cordon", "node-b")
    assert "Ready,SchedulingDisabled" in shop.kubectl("get", "node", "node-b").stdout


def test_watch_sees_a_bad_tag(estate):
    shop = estate("healthy")
    shop.kubectl("version")  # skips when there is no kubectl
    environment = {"PATH": os.environ["PATH"], "HOME": str(shop.folder), "KUBECONFIG": shop.kubeconfig}
    watcher = subprocess.Popen(["kubectl", "get", "pods", "-w"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        time.sleep(1)
        shop.kubectl("set", "image", "deploy/web", "web=shop/web:typo")
        time.sleep(1)
        shop.advance(60)
        time.sleep(1)
    finally:
        watcher.terminate()
    told = watcher.communicate()[0]
    assert "ErrImagePull" in told and "ImagePullBackOff" in told, told
