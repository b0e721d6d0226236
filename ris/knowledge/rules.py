"""Rules of the knowledge base."""

from __future__ import annotations

import unicodedata

MOST_TAGS = 20


def normal_tags(tags: list[str]) -> list[str]:
    """Return tags in one form, each once, in their order; empty ones are dropped."""
    forms = (" ".join(unicodedata.normalize("NFKC", tag).split())[:64] for tag in tags)
    return list(dict.fromkeys(form for form in forms if form))[:MOST_TAGS]
