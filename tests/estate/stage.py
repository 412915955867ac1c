"""Where scenarios are told: moments before now, at which people and machines do things. The controllers do the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import scenarios
from .clock import Clock
from .github import timeline
from .github.model import Record, job, step
from .kubernetes.images import Image, Images
from .kubernetes.resources import named
from .kubernetes.store import Object
from .kubernetes.validation import check, prepare
from .scenarios import _cluster as parts
from .world import World

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
OWNER, REPO = "acme", "shop"


class Stage:
    """Tells a scenario to a world. Times are seconds before the start of the estate."""

    def __init__(self, world: World) -> None:
        self.world, self.hub = world, world.hub
        self.start = world.clock.now()
        self.repo: Record = {}
        self.workflows: dict[str, Record] = {}
        self.numbers = {"Deploy": 120, "CI": 400}

    def at(self, before: float) -> float:
        """Lets the world live up to a moment, and returns its time."""
        moment = self.start - before
        self.world.settle(moment)
        return self.world.time

    def put(self, plural: str, wish: Object) -> Object:
        """Creates an object, defaulted and checked like one from outside."""
        prepare(named(plural), wish)
        check(named(plural), wish)
        return self.world.store.create(plural, wish, self.world.time)

    def build_cluster(self) -> None:
        """The cluster as it has stood for twelve days."""
        now = self.at(12 * DAY)
        for name, address, control_plane in parts.NODES:
            self.put("nodes", parts.node(name, address, control_plane, now))
        for name in ("default", "kube-system", "kube-node-lease", "shop"):
            self.put("namespaces", {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                                    "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
            self.put("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
        for name, _, _ in parts.NODES:
            self.put("leases", {"metadata": {"name": name, "namespace": "kube-node-lease"},
                                "spec": {"holderIdentity": name, "leaseDurationSeconds": 40}})
        self.put("deployments", parts.workload("coredns", "registry.k8s.io/coredns/coredns:v1.11.3", 2, "kube-system", part_of="dns"))
        self.put("daemonsets", parts.daemon("kube-proxy", "registry.k8s.io/kube-proxy:v1.32.4", "kube-system"))

    def build_shop(self) -> None:
        """The shop's namespace: what a small web shop runs."""
        self.at(9 * DAY)
        self.put("configmaps", {"metadata": {"name": "checkout", "namespace": "shop"}, "data": {"LOG_LEVEL": "info"}})
        self.put("secrets", {"metadata": {"name": "checkout", "namespace": "shop"}, "type": "Opaque",
                             "data": {"DATABASE_PASSWORD": "bm90LWEtc2VjcmV0"}})
        for index, (name, tag, replicas) in enumerate((("checkout", "v1.4.0", 3), ("web", "v2.11.0", 2), ("payments", "v0.9.3", 2))):
            extra: dict[str, Any] = {}
            if name == "checkout":
                extra = {"progressDeadlineSeconds": 300, "strategy": {"type": "RollingUpdate", "rollingUpdate": {
                    "maxSurge": "25%", "maxUnavailable": 1}}}
            wish = parts.workload(name, f"shop/{name}:{tag}", replicas, "shop", env={"LOG_LEVEL": "info"}, **extra)
            wish["metadata"]["annotations"]["kubernetes.io/change-cause"] = f"first install of shop/{name}:{tag}"
            self.put("deployments", wish)
            self.put("services", parts.service(name, "shop", f"10.96.0.{20 + index}"))
        self.put("statefulsets", parts.stateful("postgres", "postgres:16.8", "shop", 1))
        self.put("services", parts.service("postgres", "shop", "10.96.0.30", 5432, 5432))

    def build_github(self) -> None:
        """The repository `acme/shop`, its people, its two workflows and its first commit."""
        born = self.start - 200 * DAY
        for login, name in (("dana", "Dana Okafor"), ("ilse", "Ilse Brandt"), ("github-actions[bot]", "github-actions[bot]")):
            self.hub.user(login, name, "Bot" if login.endswith("[bot]") else "User")
        self.repo = self.hub.add_repo(OWNER, REPO, born, "The shop: web, checkout, payments")
        for name in ("CI", "Deploy"):
            self.workflows[name] = self.hub.add_workflow(self.repo, name, f"{name.lower()}.yml", born)
        self.hub.add_commit(self.repo, "dana", "Start the shop", born)

    def deploy(self, name: str, tag: str, *, message: str, author: str = "dana", before: float = 0.0, pull: int | None = None,
               branch: str = "", files: list[Record] | None = None, namespace: str = "shop", image: str = "") -> Record:
        """A change goes live: a commit (through a pull request, perhaps), a Deploy run, and at its end, `before` seconds before
        the start, a GitHub deployment and the new image in the cluster. Returns the run."""
        image = image or f"shop/{name}:{tag}"
        plan = deploy_jobs(image, namespace, name)
        length = timeline.QUEUE_SECONDS + sum(entry["seconds"] for part in plan for entry in part["steps"])
        end = self.start - before
        begin = end - length
        if before < 0 and begin > self.world.time:  # it ends late, so it takes long: nobody has seen a run of tomorrow
            plan[0]["steps"][2]["seconds"] += begin - self.world.time
            begin = self.world.time
        commit = self.hub.add_commit(self.repo, author, message + (f" (#{pull})" if pull else ""), begin - 3, files)
        if pull:
            self.hub.add_pull(self.repo, pull, author, message, branch or f"{name}-{tag}", commit, begin - 3 * HOUR, begin - 3)
        self.numbers["Deploy"] += 1
        number = self.numbers["Deploy"]
        run = self.hub.add_run(self.repo, self.workflows["Deploy"], number, commit, begin, plan)
        cause = f"Deploy #{number}: {image} ({OWNER}/{REPO}@{commit['sha'][:7]})"
        source = f"https://github.com/{OWNER}/{REPO}"
        run["deploys"] = {"namespace": namespace, "name": name, "image": image, "cause": cause, "version": tag, "annotations": {
            "github.com/repository": f"{OWNER}/{REPO}", "github.com/run-id": str(run["id"]),
            "org.opencontainers.image.revision": commit["sha"], "org.opencontainers.image.source": source}}
        self.world.plan_rollout(self.repo, run, run["attempts"][-1])
        return run

    def check(self, message: str, *, before: float, author: str = "ilse", branch: str = "main", jobs: list[Record] | None = None,
              flaky: bool = False, pull: int | None = None) -> Record:
        """A CI run, good unless `jobs` says otherwise, that began `before` seconds before the start."""
        begin = self.start - before
        commit = self.hub.add_commit(self.repo, author, message, begin - 3, branch=branch)
        if pull:
            self.hub.add_pull(self.repo, pull, author, message, branch, commit, begin - 60)
        self.numbers["CI"] += 1
        return self.hub.add_run(self.repo, self.workflows["CI"], self.numbers["CI"], commit, begin, jobs or ci_jobs(),
                                event="pull_request" if pull else "push", flaky=flaky)

    def ordinary_days(self) -> None:
        """Everything that all scenarios share, up to yesterday evening: checkout v1.4.1 and web v2.12.0 are live and well."""
        self.build_github()
        self.build_cluster()
        self.build_shop()
        self.numbers["Deploy"] = 125
        self.deploy("web", "v2.12.0", message="web: show delivery dates in the basket", author="ilse", before=3 * DAY, pull=54)
        self.deploy("checkout", "v1.4.1", message="checkout: retry the stock check once", author="dana", before=26 * HOUR, pull=55)
        self.hub.add_release(self.repo, "v1.4.1", self.repo["commits"][0], self.start - 26 * HOUR, "Retries the stock check once.")
        self.check("docs: how to run the shop on a laptop", before=22 * HOUR)
        self.at(20 * HOUR)


def deploy_jobs(image: str, namespace: str, name: str) -> list[Record]:
    """The jobs of the Deploy workflow."""
    return [job("build", step("Check out", 2, ["Fetching the repository"]),
                step("Build image", 41, [f"building {image}", "exporting layers", f"naming to {image} done"]),
                step("Push image", 9, [f"pushed {image}"])),
            job("deploy", step("Set kubectl context", 1, ['Switched to context "production".']),
                step("Roll out", 14, [f"deployment.apps/{name} image updated", f"namespace {namespace}"]))]


def ci_jobs() -> list[Record]:
    """The jobs of the CI workflow, all good."""
    return [job("test", step("Check out", 2), step("Run tests", 38, ["ok  \tacme/shop/checkout\t1.204s", "ok  \tacme/shop/web\t0.871s"])),
            job("lint", step("Check out", 2), step("Lint", 12, ["0 issues."]))]


def new_world(folder: Path, scenario: str, clock: Clock | None = None) -> World:
    """A world with a scenario told, or the one that an earlier start left in the folder."""
    world = World(folder, Images([]), clock)
    if world.load():
        return world
    module = scenarios.load(scenario)
    world.kubelet.images = Images([*getattr(module, "IMAGES", []), *COMMON_IMAGES])
    world.scenario, world.time = scenario, world.clock.now() - 13 * DAY
    with world.lock:
        stage = Stage(world)
        module.play(stage)
        stage.at(0)
        world.save(force=True)
    return world


COMMON_IMAGES = [
    Image("shop/checkout:*", starts=("checkout starting", "connected to postgres", "listening on :8080"),
          works=('level=info msg="order placed"', "level=info GET /healthz 200")),
    Image("shop/web:*", starts=("web starting", "listening on :8080"), works=("GET / 200", "GET /basket 200", "GET /healthz 200")),
    Image("postgres:*", starts=("database system is ready to accept connections",), works=("checkpoint complete",), every=300),
]
