"""The Hub's proxy keeps its connections to the services and uses them again: none may be closed while it rests."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

import pytest

from tests.mart.conftest import Furnished

PAUSE = 6.5
"""Seconds; uvicorn would close after 5."""


@pytest.mark.clause("O-1")
def test_a_connection_that_rested_is_answered(furnished: Furnished) -> None:
    house, open_ones = furnished.house, []
    for service in (house.ris, house.mart):
        at = urlsplit(f"{service}/healthz")
        connection = http.client.HTTPConnection(at.netloc, timeout=10)
        connection.auto_open = 0  # a second connection would hide that the first was closed
        connection.connect()
        open_ones.append((connection, at.path))
    for pause in (0, PAUSE):
        time.sleep(pause)
        for connection, path in open_ones:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
    for connection, _ in open_ones:
        connection.close()
