"""Progress of what takes longer than a second: a bar in a notebook, lines on the standard error elsewhere. What is done says nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before anything is shown."""
SPACING = 0.1
"""Seconds between two changes of the bar."""
MEGABYTE = 1_000_000


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel, which can show widgets."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell: Any = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class Progress:
    """How much of how much. `total`: 0 when nobody knows; `unit`: `bytes` (shown as MB) or what is counted."""

    def __init__(self, label: str, total: int = 0, unit: str = "bytes", *, patience: float = PATIENCE) -> None:
        self.label = label
        self.total = total
        self.unit = unit
        self.done = 0
        self._due = time.monotonic() + patience
        self._bar: Any = None
        self._shown: Any = None
        self._percent = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
            self._shown.update({"text/plain": ""}, raw=True)  # a bar that is gone leaves no dead widget in a saved notebook
            self._bar = None
        elif self._percent >= 0 and sys.stderr.isatty():
            sys.stderr.write("\r\033[K")

    def add(self, amount: int) -> None:
        """So much more is done."""
        self.set(self.done + amount)

    def set(self, done: int) -> None:
        """So much is done."""
        self.done = done
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + SPACING
        if in_notebook():
            self._draw()
        else:
            self._write()

    def words(self) -> str:
        """`label: 12.3 / 45.6 MB (27 %)`."""
        if self.unit == "bytes":
            done, total, unit = f"{self.done / MEGABYTE:.1f}", f"{self.total / MEGABYTE:.1f}", "MB"
        else:
            done, total, unit = str(self.done), str(self.total), self.unit
        if not self.total:
            return f"{self.label}: {done} {unit}"
        return f"{self.label}: {done} / {total} {unit} ({100 * self.done // self.total} %)"

    def _draw(self) -> None:
        import ipywidgets
        from IPython.display import display

        widgets: Any = ipywidgets  # whose names its annotations do not tell

        if self._bar is None:
            # a bar without a known end is full and says only how much
            self._bar = widgets.HBox(
                [
                    widgets.FloatProgress(value=0, min=0, max=1, layout=widgets.Layout(width="240px")),
                    widgets.Label(),
                ]
            )
            self._shown = display(self._bar, display_id=True)  # type: ignore[no-untyped-call]
        bar, text = self._bar.children
        bar.value = min(1.0, self.done / self.total) if self.total else 1.0
        text.value = self.words()

    def _write(self) -> None:
        if sys.stderr.isatty():
            self._percent = 0
            sys.stderr.write(f"\r\033[K{self.words()}")
            return
        # a log gets a line at each tenth
        percent = 10 * (10 * self.done // self.total) if self.total else 0
        if percent > self._percent:
            self._percent = percent
            sys.stderr.write(self.words() + "\n")
