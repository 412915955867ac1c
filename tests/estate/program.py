"""Starts the estate: reads the arguments, wires the services, says where they are, and waits to be stopped."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import ssl
import threading
from pathlib import Path
from typing import Any

from . import kubeconfig, scenarios
from .certificates import Certificates, make_certificates
from .control import Control
from .faults import Faults
from .github.api import GitHubApi
from .github.routes import ROUTES
from .journal import Journal
from .kubernetes.access import ADMIN_GROUP, User
from .kubernetes.api import KubernetesApi
from .stage import new_world
from .web import Listener, Request, Response, Service

OPERATOR = "estate-operator"


def _tokens(folder: Path) -> dict[str, str]:
    """Fresh random tokens for each folder; a restart keeps them."""
    path = folder / "tokens.json"
    if not path.exists():
        made = {name: f"estate-{name}-{secrets.token_hex(12)}" for name in ("admin", "viewer", "exec")}
        made["github"] = "ghp_" + secrets.token_hex(18)
        path.write_text(json.dumps(made))
        path.chmod(0o600)
    found: dict[str, str] = json.loads(path.read_text())
    return found


def _tls(certificates: Certificates) -> ssl.SSLContext:
    """A client certificate is asked for, not demanded: tokens are as good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class Estate:
    """The three listeners over one world."""

    def __init__(self, folder: Path, scenario: str, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        certificates = make_certificates(folder, OPERATOR, (ADMIN_GROUP,))
        tokens = _tokens(folder)
        self.world = new_world(folder, scenario)
        self.faults, self.journal = Faults(), Journal(folder / "journal.jsonl")
        admin = User(OPERATOR, (ADMIN_GROUP,))
        cluster = KubernetesApi(self.world, {tokens["admin"]: admin, tokens["exec"]: admin, tokens["viewer"]: User("estate-viewer")})
        hub = GitHubApi(self.world, {tokens["github"]: "dana"}, ROUTES)
        ports = (port, port + 1, port + 2) if port else (0, 0, 0)
        self._kubernetes = Listener(Service("kubernetes", cluster.answer, cluster.fault_answer, self._recorder("kubernetes")),
                                    self.faults, ports[0], _tls(certificates))
        self._github = Listener(Service("github", hub.answer, hub.fault_answer, self._recorder("github")), self.faults, ports[1])
        control = Control(self.world, self.faults, self.journal)
        self._control = Listener(Service("control", control.answer), self.faults, ports[2])
        address = f"https://127.0.0.1:{self._kubernetes.server_port}"
        configs = kubeconfig.write_kubeconfigs(folder, address, certificates, tokens)
        self.ready: dict[str, Any] = {
            "kubernetes": address, "github": f"http://127.0.0.1:{self._github.server_port}",
            "control": f"http://127.0.0.1:{self._control.server_port}", "kubeconfig": configs["kubeconfig"], "kubeconfigs": configs,
            "context": kubeconfig.CONTEXT, "namespace": kubeconfig.NAMESPACE, "github_token": tokens["github"], "repository": "acme/shop",
            "ca": str(certificates.ca), "scenario": self.world.scenario}

    def _recorder(self, service: str) -> Any:
        def record(request: Request, response: Response, answered: bool) -> None:
            self.journal.record(time=self.world.clock.now(), service=service, verb=request.method, path=request.target, user=request.user,
                                body=request.body, status=response.status, resource_version=response.resource_version, answered=answered)
        return record

    def start(self) -> None:
        """Serves on threads of their own."""
        for listener in (self._kubernetes, self._github, self._control):
            listener.start()
        self.world.run_in_background()

    def stop(self) -> None:
        """Keeps the state, lets hanging requests go, and closes the ports."""
        self.faults.clear()
        self.world.stop()
        for listener in (self._kubernetes, self._github, self._control):
            listener.shutdown()
            listener.socket.close()


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="estate", description="A pretend Kubernetes API server and GitHub, with a clock and faults.")
    parser.add_argument("--dir", type=Path, required=True, help="folder for certificates, kubeconfigs, state.json and journal.jsonl")
    parser.add_argument("--scenario", default="bad-deploy", choices=scenarios.names(), help="what happened up to now (default: bad-deploy)")
    parser.add_argument("--port", type=int, default=0, help="port of Kubernetes; GitHub and control take the next two (default: free ones)")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    estate = Estate(arguments.dir.resolve(), arguments.scenario, arguments.port)
    estate.start()
    print(json.dumps(estate.ready), flush=True)
    stopped.wait()
    estate.stop()
    return 0


