"""Pseudonyms of one research project: names for patients, UIDs and days that lead back to nobody without the project's key.

All of them are keyed hashes (HMAC-SHA-256), so that no table of pairs exists that could be lost, the same patient has the same pseudonym
in every run, and two projects cannot be laid side by side.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from pydicom._uid_dict import UID_dictionary

KEY_BYTES = 32
SHIFT_DAYS = 364
"""A patient's days move by 1 … this many days into the past: always the same for one patient in one project, never by nothing."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Keyed names of one project. ValueError: the key has not `KEY_BYTES` bytes."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"the key of a project has {KEY_BYTES} bytes")

    def patient(self, institution: str, patient_id: str) -> str:
        """Pseudonym of a patient, 16 characters of A–Z and 2–7: a patient is known by the institution's code and its own number."""
        return self._letters(16, "patient", institution, patient_id)

    def institution(self, code: str) -> str:
        """Pseudonym of an institution, 4 characters of A–Z and 2–7. Whoever knows how large the hospitals are can still guess."""
        return self._letters(4, "institution", code)

    def exam(self, exam_id: str) -> str:
        """Pseudonym of an exam, 16 characters of A–Z and 2–7."""
        return self._letters(16, "exam", exam_id)

    def uid(self, uid: str) -> str:
        """UID that takes the place of another, `2.25.` and an integer of 128 bits (PS3.5 B.2).

        Those that the standard itself registers (PS3.6 annex A: SOP classes, transfer syntaxes, well-known frames of reference) are not
        anybody's and stay; a UID that merely begins like them may hold a number, and does not.
        """
        clean = uid.rstrip("\0 ")
        if not clean or clean in UID_dictionary:
            return clean
        return f"2.25.{int.from_bytes(self._digest('uid', clean)[:16], 'big')}"

    def shift(self, institution: str, patient_id: str) -> int:
        """Days to be taken from every date of a patient, 1 … `SHIFT_DAYS`."""
        return 1 + int.from_bytes(self._digest("shift", institution, patient_id)[:8], "big") % SHIFT_DAYS

    def _letters(self, count: int, *words: str) -> str:
        number = int.from_bytes(self._digest(*words)[: (count * 5 + 7) // 8], "big")
        return "".join(ALPHABET[(number >> place * 5) & 31] for place in range(count - 1, -1, -1))

    def _digest(self, *words: str) -> bytes:
        # The length before each word, so that two lists of words never make the same message.
        message = b"".join(len(word.encode()).to_bytes(4, "big") + word.encode() for word in words)
        return hmac.digest(self.key, message, "sha256")
