"""A doctor opens a series in itkwidgets from the reading desk, through the Hub: left is on the viewer's right, and nothing leaves the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from hub_config.services import isolated_python
from tests.itk.conftest import brightest
from tests.itk.dicom import write_series
from tests.path.conftest import SignIn
from tests.path.test_whole_path import by, row_of, storescu
from tests.running_hub import RunningHub, wait_until

pytestmark = [pytest.mark.clause("H-6"), pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def _installed() -> None:
    if isolated_python() is None:
        pytest.skip("no environment of the notebooks with itkwidgets: make setup makes it (.venv-lab)")


def test_a_feet_first_series_in_itkwidgets(hub: RunningHub, sign_in: SignIn, tmp_path: Path) -> None:
    study = write_series("axial feet first", tmp_path / "series")
    storescu(hub, "YAFY_CT1", tmp_path / "series")
    doctor = sign_in("radiologist", "XACH")
    asked: list[str] = []
    errors: list[str] = []
    doctor.on("request", lambda request: asked.append(request.url))
    doctor.on("pageerror", lambda error: errors.append(str(error)))
    row_of(doctor, study).dblclick()
    doctor.locator(f'[data-testid="viewer"][data-shown^="{study} "]').wait_for()
    by(doctor, "tool-itk").click()
    expect(by(doctor, "itk-panel")).to_contain_text("itkwidgets 三维（不作诊断用）")
    inner = doctor.frame_locator('[data-testid="itk-panel"] iframe')
    page = inner.get_by_test_id("itk-page")
    page.wait_for(timeout=120_000)
    expect(page).to_have_attribute("data-phase", "shown", timeout=120_000)
    expect(inner.get_by_test_id("itk-size")).to_have_text("原始 72 × 64 × 56，显示 72 × 64 × 56")
    expect(page).to_contain_text("不作诊断用")
    doctor.wait_for_timeout(2000)
    viewer = inner.get_by_test_id("itk-viewer")
    for mode in ("ZPlane", "YPlane"):
        if mode != "ZPlane":
            inner.get_by_test_id(f"itk-{mode}").click()
            doctor.wait_for_timeout(2500)
        picture = viewer.screenshot(timeout=90_000)
        (tmp_path / f"{mode}.png").write_bytes(picture)
        # the middle of the view; its corners have words and a logo
        across, _ = brightest(picture, over=140, part=(0.25, 0.3, 0.75, 0.9))
        assert across > 0.53, f"{mode}: the marker on the left of the patient is on the viewer's right"
    doctor.screenshot(path=tmp_path / "desk.png", timeout=90_000)
    assert [url for url in asked if not url.startswith((hub.base, "blob:", "data:"))] == []
    assert errors == []
    # the desk goes on, and closing the panel ends the kernel behind it
    (kernel,) = {each["kernel"] for each in said(hub, "desk_opened") if each["desk"] == "itk"}
    by(doctor, "itk-close").click()
    expect(by(doctor, "itk-panel")).to_have_count(0)
    expect(by(doctor, "image-position")).to_contain_text("/ 56")
    wait_until("the end of the kernel", lambda: any(each["kernel"] == kernel for each in said(hub, "desk_ended")), 30)


def said(hub: RunningHub, event: str) -> list[dict[str, Any]]:
    """What the pages service logged of this kind."""
    lines = (hub.data_dir / "logs" / "pages.log").read_text(encoding="utf-8").splitlines()
    return [each for line in lines if line.startswith("{") and (each := json.loads(line))["event"] == event]


def test_only_who_reads_may_open_it(hub: RunningHub) -> None:
    with hub.visitor() as nobody:
        assert nobody.get("/services/pages/desk/itk").status_code == 302
        # the viewer itself is nobody's secret; what lies beside its folder is
        page = nobody.get("/services/pages/itk/viewer.html")
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "'unsafe-eval'" not in policy and "http" not in policy
        for beside in ("..%2Fhub-itk%2Fviewer.html", "itk/", "..%2F..%2F..%2Fetc%2Fpasswd", "viewer.py"):
            assert nobody.get(f"/services/pages/itk/{beside}").status_code == 404
    with hub.login_as("administrator") as administrator:
        refused = administrator.get("/services/pages/desk/itk")
        assert refused.status_code == 403
        assert "没有权限" in refused.text
