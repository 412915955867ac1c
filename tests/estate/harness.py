"""Starts estates for tests, in this suite and in others.

Another suite puts `tests` on its path and says `pytest_plugins = ["estate.harness"]`; then it has the fixture `estate`.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

HERE = Path(__file__).resolve().parent
START_SECONDS = 60.0


class Estate:
    """A running estate. `ready` is its ready line; the names on it are attributes too."""

    def __init__(self, folder: Path, scenario: str = "bad-deploy", port: int = 0) -> None:
        self.folder, self.scenario = folder, scenario
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = (folder / "stderr.txt").open("ab")
        began = time.monotonic()
        self.process = subprocess.Popen([sys.executable, str(HERE), "--dir", str(folder), "--scenario", scenario, "--port", str(port)],
                                        stdout=subprocess.PIPE, stderr=self._errors)
        assert self.process.stdout
        line = b""
        if select.select([self.process.stdout], [], [], START_SECONDS)[0]:
            line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"the estate did not start: {(folder / 'stderr.txt').read_text()}")
        self.started_in = time.monotonic() - began
        self.ready: dict[str, Any] = json.loads(line)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["ready"][name]
        except KeyError:
            raise AttributeError(name) from None

    def stop(self) -> int:
        """Ends it by its pid, and returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._errors.close()
        return code

    # The control API.

    def tell(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control API."""
        return call(self.ready["control"] + path, method, body)[1]

    def freeze(self) -> None:
        """Stops the clock."""
        self.tell("POST", "/clock/rate", {"rate": "frozen"})

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.tell("POST", "/clock/advance", {"seconds": seconds})

    def fault(self, kind: str, value: Any = None, count: int | None = None, when: str = "before", **match: str) -> None:
        """Calls up a fault."""
        self.tell("POST", "/faults", {"kind": kind, "value": value, "count": count, "when": when, "match": match})

    def state(self) -> dict[str, Any]:
        """Everything, as it is behind the scenes."""
        found: dict[str, Any] = self.tell("GET", "/state")
        return found

    def journal(self, **match: Any) -> list[dict[str, Any]]:
        """The journal's lines that have these values."""
        found = self.tell("GET", "/journal")["entries"]
        return [entry for entry in found if all(entry[key] == value for key, value in match.items())]

    # The two services, by hand.

    def hub(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """A call of the GitHub API: (status, JSON or text, headers)."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        code, found, got = call(self.ready["github"] + path, method, body, {"Authorization": f"Bearer {self.github_token}", **named})
        return code, found, got

    def kube(self, path: str, method: str = "GET", body: Any = None, token: str | None = None, timeout: float = 30,
             **headers: str) -> tuple[int, Any, Any]:
        """A call of the Kubernetes API as its administrator, or with another token."""
        if token is None:
            token = json.loads(Path(self.kubeconfig).read_text())["users"][0]["user"]["token"]
        named = {"Authorization": f"Bearer {token}", **{key.replace("_", "-"): value for key, value in headers.items()}}
        trust = ssl.create_default_context(cafile=self.ca)
        return call(self.kubernetes + path, method, body, named, trust, timeout)

    def kubectl(self, *arguments: str, config: str = "kubeconfig", check: bool = True, stdin: str | None = None,
                timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs the real kubectl, with a cache of its own. Skips when there is none."""
        program = shutil.which("kubectl")
        if not program:
            pytest.skip("kubectl is not installed: nothing vouches for the pretend API server on this machine")
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": self.kubeconfigs[config]}
        done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, input=stdin, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


def call(url: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None,
         trust: ssl.SSLContext | None = None, timeout: float = 30) -> tuple[int, Any, Any]:
    """One HTTP request; an error status is an answer, not an exception."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=trust) as answer:
            code, raw, got = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as problem:
        with problem:
            code, raw, got = problem.code, problem.read(), problem.headers
    try:
        return code, json.loads(raw) if raw else None, got
    except ValueError:
        return code, raw.decode(errors="replace"), got


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Callable[..., Estate]]:
    """A factory: `estate("bad-deploy")` starts one on free ports below tmp_path; all are stopped at the end of the test."""
    started: list[Estate] = []

    def start(scenario: str = "bad-deploy", folder: Path | None = None, port: int = 0) -> Estate:
        made = Estate(folder or tmp_path / f"estate-{len(started)}", scenario, port)
        started.append(made)
        return made
    yield start
    for made in started:
        made.stop()
