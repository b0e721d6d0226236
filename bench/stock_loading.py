"""How long Cornerstone's own loader takes for a series: per-frame WADO-RS from Orthanc, in the same browser."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from bench.doors import profile
from bench.pair import CALLING, bench_folder, orthanc, orthanc_server
from bench.phantom_load import send, series
from tests.conftest import ROOT


def stock_series(browser: Browser, slices: int, rounds: int) -> list[float] | None:
    """Seconds until all images of series of 512² pixels are decoded in the browser, one series a round; None without the peer."""
    program = orthanc()
    if program is None:
        return None
    spent = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-stock-") as built,
        bench_folder() as folder,
        orthanc_server(program, folder) as (server, _),
    ):
        script = Path(built) / "stock.js"
        subprocess.run(["node", "bench/stock_viewer/build.mjs", str(script)], cwd=ROOT, check=True, timeout=120)
        loads = [series(slices, 512) for _ in range(rounds + 1)]
        for load in loads:
            send(load.images, server.port, CALLING, server.called)
        context = profile(browser)
        page = context.new_page()
        page.goto(server.web.removesuffix("/dicom-web") + "/system")  # a page of the same origin
        page.add_script_tag(path=script)
        for number, load in enumerate(loads):
            milliseconds, count, sums = page.evaluate(
                "([base, study, series]) => loadSeries(base, study, series)", [server.web, load.study, load.series]
            )
            if count != slices or len(set(sums)) != slices:  # no two images of the series are alike
                raise AssertionError(f"{count} images, {len(set(sums))} different")
            if number:  # the first one is practice: workers start
                spent.append(milliseconds / 1000)
        context.close()
    return spent
