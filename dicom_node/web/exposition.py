"""Prometheus text exposition format 0.0.4: the few lines of it that are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = dict[str, str]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value!r}\n" if inside else f"{name} {value!r}\n"


class Exposition:
    """Collects metric families; `text` is the whole answer."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: Literal["counter", "gauge"], words: str, samples: Iterable[tuple[Labels, float]]) -> None:
        """One family with its samples."""
        self._lines.append(f"# HELP {name} {words}\n# TYPE {name} {kind}\n")
        self._lines += [_sample(name, labels, value) for labels, value in samples]

    def gauge(self, name: str, words: str, value: float) -> None:
        """A gauge without labels."""
        self.family(name, "gauge", words, [({}, value)])

    def histogram(self, name: str, words: str, bounds: Sequence[float], counts: Sequence[int], total: float) -> None:
        """`counts` per bucket, one more than `bounds`, not yet cumulated; `total` is the sum of what was observed."""
        self._lines.append(f"# HELP {name} {words}\n# TYPE {name} histogram\n")
        so_far = 0
        for bound, count in zip([*map(repr, bounds), "+Inf"], counts, strict=True):
            so_far += count
            self._lines.append(_sample(name + "_bucket", {"le": bound}, so_far))
        self._lines += [_sample(name + "_sum", {}, total), _sample(name + "_count", {}, so_far)]

    def text(self) -> str:
        """The exposition."""
        return "".join(self._lines)
