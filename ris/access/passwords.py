"""Password hashes: argon2id, t=2, m=19 MiB, p=1 (OWASP's first choice; about 20 ms here)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_DUMMY = _HASHER.hash("no account has this password")


def hash_password(password: str) -> str:
    """Return the hash to store."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Check a password. Without a stored hash a dummy is verified, so that an unknown name takes the same time."""
    try:
        return _HASHER.verify(stored or _DUMMY, password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False
