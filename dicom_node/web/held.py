"""What was read of a study or series lately, kept until the index changes it: most requests come many times for the same one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from dicom_node.index.database import Database

T = TypeVar("T")


class Held(Generic[T]):
    """Values that are a function of one study's rows; the least recently used go when their weights are too much together."""

    def __init__(self, database: Database, most: int, weigh: Callable[[T], int]) -> None:
        self._database, self._most, self._weigh = database, most, weigh
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[int, int, T]] = OrderedDict()  # (change number, weight, value)
        self._weight = 0

    def get(self, study: str, key: Hashable, read: Callable[[], T]) -> T:
        """The value of `key`, by `read` when there is none or the study has changed since. What `read` raises is not kept."""
        now = self._database.change_of(study)  # before reading: a change in between makes the value old at once
        with self._lock:
            found = self._values.get(key)
            if found is not None and now is not None and found[0] == now:
                self._values.move_to_end(key)
                return found[2]
        value = read()
        if now is None:
            return value
        weight = self._weigh(value)
        with self._lock:
            if (old := self._values.pop(key, None)) is not None:
                self._weight -= old[1]
            if weight <= self._most:
                self._values[key] = (now, weight, value)
                self._weight += weight
            while self._weight > self._most:
                self._weight -= self._values.popitem(last=False)[1][1]
        return value
