"""What the tests of clanker need: the estate as a process, the program in an environment of its own, and a signing authority."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from estate import harness  # noqa: E402  (the path above has to be right first)

ROOT = Path(__file__).resolve().parent.parent.parent
CLANKER = Path(os.environ.get("PINCER_BIN", ROOT / "build" / "dev" / "bin")) / "clanker"


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Estate(harness.Estate):
    """The pretend cluster and GitHub, with the questions that these tests ask of it."""

    def effects(self) -> list[dict[str, Any]]:
        """Requests that changed something, of the cluster and of GitHub."""
        return [entry for entry in self.journal() if entry["verb"] in ("PATCH", "PUT", "POST", "DELETE") and entry["status"] < 400]

    def deployment(self, name: str) -> dict[str, Any]:
        """A Deployment of the shop, as it is now."""
        found: dict[str, Any] = next(entry for entry in self.state()["kubernetes"]["deployments"] if entry["metadata"]["name"] == name)
        return found


class Clanker:
    """The program with its own home folder, pointed at an estate."""

    def __init__(self, folder: Path, estate: Estate, **environment: str) -> None:
        self.home = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "CLANKER_HOME": str(folder / "clanker"),
                            "KUBECONFIG": estate.ready["kubeconfig"], "GITHUB_TOKEN": estate.ready["github_token"],
                            "GITHUB_API_URL": estate.ready["github"], **environment}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Starts it; output in pipes."""
        return subprocess.Popen([str(CLANKER), *arguments], env=self.environment, text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *arguments: str, stdin: str = "", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs it to the end; `code` None takes any exit code."""
        done = subprocess.run([str(CLANKER), *arguments], env=self.environment, text=True, input=stdin, capture_output=True, timeout=120)
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """The JSON that it prints."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def plan(self, request: str) -> tuple[Path, str]:
        """Makes a plan; its file and digest."""
        text = self.run("ask", "--maker", request).stdout
        path = self.home / f"plan-{uuid.uuid4().hex}.json"
        path.write_text(text)
        canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return path, hashlib.sha256(canonical.encode()).hexdigest()


class Authority:
    """An approval authority, made from the published form of a grant and not from the program's own code."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key = base64url(self._public)

    def grant(self, digest: str, **changes: Any) -> str:
        """A signed grant for a plan."""
        now = int(time.time() * 1000)
        fields = {"version": 1, "id": str(uuid.uuid4()), "authority": hashlib.sha256(self._public).hexdigest()[:16], "audience": "",
                  "planDigest": digest, "approver": "slack:T1:U2", "approverDisplay": "Olu", "requester": "slack:T1:U1", "approvalId": "plugin:1",
                  "riskCeiling": "high", "issuedAt": now, "expiresAt": now + 600_000, "follows": "gateway:7:" + "a" * 64, **changes}
        payload = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        framed = b"".join(struct.pack(">Q", len(part)) + part for part in (b"pincer approval grant 1", payload))
        return base64url(payload) + "." + base64url(self._key.sign(framed))
