"""The peer of the desk: a page of stock Voilà with three widgets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Error

from bench.doors import profile
from tests.worker import take_free_port

OPENINGS = 5
CELL = "import ipywidgets as w\nw.VBox([w.Label('ready'), w.Text('text'), w.Button(description='go')])"


def stock_first_open(browser: Browser) -> list[float]:
    """Seconds until the stock page is usable in a fresh profile."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
        path = Path(folder) / "stock.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)], metadata=kernel), path)
        port = take_free_port()
        command = [sys.executable, "-m", "voila", str(path), f"--port={port}", "--no-browser", "--Voila.ip=127.0.0.1"]
        server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "HOME": folder}
        )
        try:
            spent = [_open(browser, f"http://127.0.0.1:{port}/") for _ in range(OPENINGS)]
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(15)
    return spent[1:]  # the first one pays for the server's imports


def _open(browser: Browser, address: str) -> float:
    context = profile(browser)
    page = context.new_page()
    deadline = time.monotonic() + 60
    while True:
        start = time.perf_counter()
        try:
            page.goto(address, wait_until="commit", timeout=30_000)
            break
        except Error:  # not listening yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
    page.get_by_text("go", exact=True).wait_for(timeout=60_000)
    spent = time.perf_counter() - start
    context.close()
    return spent
