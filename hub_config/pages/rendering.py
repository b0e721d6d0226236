"""Voilà's rendering of a desk's notebook, with our template and without its waits."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from voila.execute import VoilaExecutor
from voila.exporter import VoilaExporter
from voila.notebook_renderer import NotebookRenderer

from hub_config.pages.desks import DeskPage
from hub_config.pages.forking import ForkedKernelManager
from hub_config.pages.kernels import wait_until_ready

TEMPLATE = Path(__file__).resolve().parent / "template"


class ReadyExecutor(VoilaExecutor):
    """Pooled kernels are ready: waits only for the subscription to their output, not the 0.2 s of `wait_for_ready`."""

    km: ForkedKernelManager
    kc: AsyncKernelClient

    async def async_start_new_kernel_client(self, **_: Any) -> Any:
        """A connected client."""
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.allow_stdin = False
        await wait_until_ready(self.kc)
        return self.kc


class DeskRenderer(NotebookRenderer):
    """Runs one desk's notebook in one kernel; the notebook comes from the registry, never from a path in a request."""

    def __init__(self, *, desk: DeskPage, exporter: VoilaExporter, **kwargs: Any) -> None:
        super().__init__(notebook_path=desk.name, page_config={}, **kwargs)
        self.notebook = copy.deepcopy(desk.notebook)
        self.exporter = exporter
        self.cwd = None
        self.resources = {"metadata": {"name": desk.name}}

    async def _jinja_kernel_start(self, nb: Any, kernel_id: str, kernel_future: Any) -> str:
        self.executor = ReadyExecutor(nb, km=kernel_future, config=self.traitlet_config, show_tracebacks=False)
        await self.executor.async_start_new_kernel_client()
        self.kernel_started = True
        return kernel_id


def make_exporter(configuration: Any, base_url: str, contents_manager: Any) -> VoilaExporter:
    """One exporter for all pages, so that the template is compiled once."""
    exporter = VoilaExporter(template_paths=[str(TEMPLATE)], config=configuration, contents_manager=contents_manager, base_url=base_url)
    exporter.exclude_input = True
    return exporter
