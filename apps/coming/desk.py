"""The kernel side of the page that says what is coming."""

from __future__ import annotations

from apps.desk import Desk


class Coming(Desk):
    """Nothing but what every desk has; it proves to the person that the way to a kernel works."""
