"""The objects that every scenario's cluster has: three nodes, kube-system, and the shop."""

from __future__ import annotations

from typing import Any

from ..clock import stamp

Object = dict[str, Any]
NODES = (("node-a", "10.10.0.11", True), ("node-b", "10.10.0.12", False), ("node-c", "10.10.0.13", False))


def node(name: str, address: str, control_plane: bool, now: float) -> Object:
    """A node that is well."""
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
              "topology.kubernetes.io/zone": f"zone-{name[-1]}"}
    if control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    capacity = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    well = [("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status")]
    return {"metadata": {"name": name, "labels": labels, "annotations": {}}, "spec": {"podCIDR": f"10.244.{ord(name[-1]) - 96}.0/24"},
            "status": {"capacity": capacity, "allocatable": {**capacity, "cpu": "3800m", "memory": "15Gi"},
                       "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
                       "conditions": [{"type": kind, "status": status, "reason": reason, "message": message,
                                       "lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(now)}
                                      for kind, status, reason, message in well],
                       "nodeInfo": {"kubeletVersion": "v1.32.4", "kubeProxyVersion": "v1.32.4", "osImage": "Debian GNU/Linux 12 (bookworm)",
                                    "kernelVersion": "6.1.0-32-amd64", "containerRuntimeVersion": "containerd://1.7.27",
                                    "operatingSystem": "linux", "architecture": "amd64", "machineID": f"machine-{name}",
                                    "systemUUID": f"system-{name}", "bootID": f"boot-{name}"},
                       "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}, "images": []}}


def workload(name: str, image: str, replicas: int, namespace: str, *, port: int = 8080, cpu: str = "100m", memory: str = "128Mi",
             env: dict[str, str] | None = None, part_of: str = "shop", **spec: Any) -> Object:
    """A Deployment as a Helm chart would write it."""
    version = image.rpartition(":")[2]
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": part_of}
    container: Object = {"name": name, "image": image, "ports": [{"name": "http", "containerPort": port}],
                         "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
                         "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
                         "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10,
                                            "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}}
    return {"metadata": {"name": name, "namespace": namespace, "labels": {**labels, "app.kubernetes.io/version": version},
                         "annotations": {}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
                     "template": {"metadata": {"labels": {**labels, "app.kubernetes.io/version": version}, "annotations": {}},
                                  "spec": {"containers": [container]}}, **spec}}


def service(name: str, namespace: str, address: str, port: int = 80, target: int = 8080) -> Object:
    """A Service in front of a workload of the same name."""
    return {"metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": name}},
            "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"],
                     "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None",
                     "selector": {"app.kubernetes.io/name": name},
                     "ports": [{"name": "http", "port": port, "targetPort": target, "protocol": "TCP"}]}, "status": {"loadBalancer": {}}}


def daemon(name: str, image: str, namespace: str) -> Object:
    """A DaemonSet."""
    labels = {"k8s-app": name}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                {"name": name, "image": image, "resources": {"requests": {"cpu": "50m"}}}]}}}}


def stateful(name: str, image: str, namespace: str, replicas: int) -> Object:
    """A StatefulSet."""
    labels = {"app.kubernetes.io/name": name}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"replicas": replicas, "serviceName": name, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                         {"name": name, "image": image, "ports": [{"containerPort": 5432}],
                          "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}}}]}}}}
