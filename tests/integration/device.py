"""A device with a key of its own, made from the published form of its proof and not from the program's own code."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway_client import Client


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Device:
    """connect() as this device; proof() alone for what nobody should send."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id, self.public_key = hashlib.sha256(public).hexdigest(), base64url(public)

    def proof(self, nonce: str, token: str, scopes: list[str], signed_at: int | None = None) -> dict[str, Any]:
        """The `device` of a connect as Client sends it (client test, mode cli, platform linux)."""
        at = int(time.time() * 1000) if signed_at is None else signed_at
        fields = ["v3", self.id, "test", "cli", "operator", ",".join(scopes), str(at), token, nonce, "linux", ""]
        return {"id": self.id, "publicKey": self.public_key, "signature": base64url(self._key.sign("|".join(fields).encode())), "signedAt": at, "nonce": nonce}

    def connect(self, port: int, token: str, scopes: list[str], **changes: Any) -> Client:
        """Raises Refused."""
        def sign(challenge: dict[str, Any]) -> dict[str, Any]:
            return {"device": self.proof(challenge["nonce"], token, scopes)}
        return Client(port, token, mode="cli", scopes=scopes, sign=sign, **changes)
