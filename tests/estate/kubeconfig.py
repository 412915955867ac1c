"""Kubeconfigs, one for each way that people sign in: token, client certificate, exec plugin, token file, read-only token."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .certificates import Certificates

CONTEXT, NAMESPACE = "production", "shop"

_PLUGIN = '''#!{python}
"""Prints an ExecCredential, as cloud vendors' credential plugins do. Counts its calls in exec-plugin.calls."""
import datetime, json, pathlib
here = pathlib.Path(__file__).resolve().parent
with (here / "exec-plugin.calls").open("a") as calls:
    calls.write("call\\n")
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {{"token": (here / "exec-token").read_text().strip(),
                             "expirationTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ")}}}}))
'''


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def write_kubeconfigs(folder: Path, server: str, certificates: Certificates, tokens: dict[str, str]) -> dict[str, str]:
    """Writes them all and returns their paths by kind. JSON is YAML, and every reader of kubeconfigs takes it."""
    token_file = _write(folder / "token", tokens["admin"] + "\n")
    _write(folder / "exec-token", tokens["exec"] + "\n")
    plugin = _write(folder / "exec-plugin", _PLUGIN.format(python=sys.executable), 0o700)
    users: dict[str, dict[str, Any]] = {
        "kubeconfig": {"token": tokens["admin"]},
        "kubeconfig-cert": {"client-certificate": str(certificates.client), "client-key": str(certificates.client_key)},
        "kubeconfig-exec": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "args": [],
                                     "interactiveMode": "Never"}},
        "kubeconfig-tokenfile": {"tokenFile": str(token_file)},
        "kubeconfig-viewer": {"token": tokens["viewer"]},
    }
    written = {}
    for name, user in users.items():
        config = {"apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
                  "clusters": [{"name": "estate", "cluster": {"server": server, "certificate-authority": str(certificates.ca)}}],
                  "users": [{"name": "operator", "user": user}],
                  "contexts": [{"name": CONTEXT, "context": {"cluster": "estate", "user": "operator", "namespace": NAMESPACE}}]}
        written[name] = str(_write(folder / name, json.dumps(config, indent=2) + "\n"))
    return written
