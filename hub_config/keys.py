"""Keys and secrets of one installation, made once in `DATA_DIR/secrets` (files 0600, folder 0700).

No secret ever travels in a command line; the only ones in an environment are those of the proxy, which reads it nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SERVICES = ("hub", "mart", "research", "followers", "demo")
"""Programs that may ask ris for something in their own name."""


@dataclass(frozen=True)
class SecretFiles:
    """Where each secret lies; every process is told only the paths it needs."""

    folder: Path

    @property
    def ticket_private(self) -> Path:
        """Ed25519 private key (PEM), read by ris only."""
        return self.folder / "ticket-private.pem"

    @property
    def ticket_public(self) -> Path:
        """Ed25519 public key (PEM), read by whoever checks tickets."""
        return self.folder / "ticket-public.pem"

    @property
    def service_hashes(self) -> Path:
        """JSON: service name → sha256 hex of its secret, read by ris."""
        return self.folder / "services.json"

    @property
    def proxy_token(self) -> Path:
        """Token of the proxy's routing API, known to proxy, Hub and supervisor."""
        return self.folder / "proxy-token"

    @property
    def hub_cookie(self) -> Path:
        """Key that signs the Hub's cookies (64 hex digits)."""
        return self.folder / "hub-cookie"

    @property
    def hub_crypt(self) -> Path:
        """Key that encrypts the Hub's auth_state (64 hex digits)."""
        return self.folder / "hub-crypt"

    def service(self, name: str) -> Path:
        """File with the secret of one service of `SERVICES`."""
        return self.folder / f"service-{name}"


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file in one step: it is there whole, or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def ensure_secrets(data_dir: Path) -> SecretFiles:
    """Make what is missing, keep what is there, and close the files to others again."""
    files = SecretFiles(data_dir / "secrets")
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.folder.chmod(0o700)
    if not files.ticket_private.exists():
        key = Ed25519PrivateKey.generate()
        write_private(
            files.ticket_private,
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
        )
    private = serialization.load_pem_private_key(files.ticket_private.read_bytes(), password=None)
    public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    if not files.ticket_public.exists() or files.ticket_public.read_text(encoding="utf-8") != public:
        write_private(files.ticket_public, public)
    for path in (files.proxy_token, files.hub_cookie, files.hub_crypt):
        if not path.exists():
            write_private(path, secrets.token_hex(32))
    hashes = {}
    for name in SERVICES:
        path = files.service(name)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        hashes[name] = hashlib.sha256(path.read_text(encoding="utf-8").strip().encode()).hexdigest()
    text = json.dumps(hashes, indent=1)
    if not files.service_hashes.exists() or files.service_hashes.read_text(encoding="utf-8") != text:
        write_private(files.service_hashes, text)
    for path in files.folder.iterdir():
        path.chmod(0o600)
    return files
