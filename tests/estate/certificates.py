"""A short-lived CA, a server certificate and a client certificate, made with the `openssl` command (EC keys: fast)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

DAYS = "2"


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _key(path: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    path.chmod(0o600)


def make_certificates(folder: Path, user: str, groups: tuple[str, ...]) -> Certificates:
    """Makes what is not there yet; a restart in the same folder keeps its CA, and with it the trust of running clients."""
    found = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key", folder / "client.crt", folder / "client.key")
    if all(path.exists() for path in vars(found).values()):
        return found
    ca_key = folder / "ca.key"
    for key in (ca_key, found.server_key, found.client_key):
        _key(key)
    _openssl("req", "-x509", "-new", "-key", ca_key, "-days", DAYS, "-subj", "/CN=estate-ca", "-out", found.ca,
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
    for key, certificate, name, extensions in (
            (found.server_key, found.server, "/CN=kube-apiserver",
             "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n"),
            (found.client_key, found.client, subject, "extendedKeyUsage=clientAuth\n")):
        request, extension_file = certificate.with_suffix(".csr"), certificate.with_suffix(".ext")
        extension_file.write_text(extensions + "keyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n")
        _openssl("req", "-new", "-key", key, "-subj", name, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", found.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", DAYS,
                 "-extfile", extension_file, "-out", certificate)
        request.unlink()
        extension_file.unlink()
    return found
