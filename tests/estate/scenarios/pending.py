"""payments asks for more memory than any node has: its new pod cannot be scheduled."""


def play(stage):
    """Somebody raised the request to 64Gi, twelve minutes ago."""
    stage.ordinary_days()
    stage.at(720)
    found = stage.world.store.get("deployments", "shop", "payments")

    def raise_request(entry):
        container = entry["spec"]["template"]["spec"]["containers"][0]
        container["resources"] = {"requests": {"cpu": "100m", "memory": "64Gi"}, "limits": {"memory": "64Gi"}}
        entry["metadata"]["annotations"]["kubernetes.io/change-cause"] = "kubectl set resources deployment/payments --requests=memory=64Gi"
    stage.world.store.edit("deployments", found, raise_request)
